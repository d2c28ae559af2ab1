"""How the outside calls the use cases: REST, queues, streams."""
