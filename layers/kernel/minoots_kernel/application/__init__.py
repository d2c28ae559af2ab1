"""What can be done with timers: one use case a file, over the ports."""
