"""Lambda function: the control plane: HTTP API events."""
