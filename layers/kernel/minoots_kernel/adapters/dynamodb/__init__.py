"""The stores, over one DynamoDB table. Import each from its module: what a function imports delays its start."""
