"""The stores, over one DynamoDB table. Import each from its module: a function pays at its start for what it imports."""
