"""The timer service: what a timer is, what may be done with it, and how it meets AWS."""
