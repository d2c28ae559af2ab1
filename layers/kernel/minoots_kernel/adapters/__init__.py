"""What the ports meet: AWS, HTTP, the clock; and memory, which the tests use."""
