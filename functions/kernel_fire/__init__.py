"""Lambda function: fires timers when their wake-ups come."""
