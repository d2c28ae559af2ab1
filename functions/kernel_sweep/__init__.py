"""Lambda function: repairs what was lost."""
