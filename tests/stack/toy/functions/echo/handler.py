"""Answers with what it was asked, or does what the path says."""

import json

import boto3


def build(env):
    table = boto3.client("dynamodb", region_name=env["AWS_REGION"])

    def put(event):
        body = json.loads(event["body"])
        table.put_item(TableName=env["TABLE"], Item=body)
        return {"statusCode": 201, "body": json.dumps({"put": body["sk"]["S"]})}

    def handler(event, context):
        path = event["rawPath"]
        if path == "/healthz":
            return {"statusCode": 200, "body": "ok"}
        if path == "/boom":
            raise RuntimeError("boom")
        if path == "/bare":
            return {"bare": True}
        if path == "/put":
            return put(event)
        return {
            "statusCode": 200,
            "headers": {"content-type": "application/json", "x-flag": True},
            "cookies": ["a=1", "b=2"],
            "body": json.dumps(
                {
                    "event": event,
                    "remaining": context.get_remaining_time_in_millis(),
                    "function": context.function_name,
                    "request": context.aws_request_id,
                }
            ),
        }

    return handler
