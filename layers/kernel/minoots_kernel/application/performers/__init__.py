"""Who makes an attempt at an action: one module for each kind."""
