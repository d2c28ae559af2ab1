"""Remembers what it was invoked with."""

events = []


def build(env):
    def handler(event, context):
        events.append(event)

    return handler
