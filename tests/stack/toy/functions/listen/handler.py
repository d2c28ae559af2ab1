"""Remembers stream records; fails at those whose item says so."""

batches = []
poisoned = set()


def build(env):
    def handler(event, context):
        batches.append(event["Records"])
        for record in event["Records"]:
            image = record["dynamodb"].get("NewImage") or {}
            mood = image.get("mood", {}).get("S")
            if mood == "raise":
                raise RuntimeError("asked to")
            if mood == "report":
                return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]}
        return {"batchItemFailures": []}

    return handler
