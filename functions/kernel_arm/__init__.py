"""Lambda function: arms timers from the table's stream."""
