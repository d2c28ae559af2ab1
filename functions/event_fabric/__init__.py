"""Lambda function: publishes events from the table's stream."""
