"""Passes every message on to a file, failing those that say so."""

import json
import pathlib
import threading
import time

seen = []
seen_at = {}
lock = threading.Lock()


def build(env):
    def handler(event, context):
        failures = []
        for record in event["Records"]:
            body = json.loads(record["body"])
            with lock:
                seen.append(record)
                seen_at[body.get("n")] = time.time() * 1000
            if body.get("raise"):
                raise RuntimeError("asked to")
            if body.get("fail"):
                failures.append({"itemIdentifier": record["messageId"]})
            if body.get("file"):
                with pathlib.Path(body["file"]).open("a") as out:
                    out.write(f"{body['n']}\n")
        return {"batchItemFailures": failures}

    return handler
