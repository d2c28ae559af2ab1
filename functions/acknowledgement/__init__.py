"""Lambda function: runs the actions of fired timers."""
