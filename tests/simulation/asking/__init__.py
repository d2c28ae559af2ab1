"""A small model of its own for acknowledgements: agents, a state machine and a sweep about one action that asks."""
