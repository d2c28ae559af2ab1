"""EventBridge's state, with a look at what is put on its buses."""

from collections.abc import Callable
from typing import Any

from moto.events import urls as events_urls
from moto.events.models import EventsBackend

from minoots_local.logs import logger

_log = logger("bus")


class Buses(EventsBackend):
    """moto's EventBridge that shows what is put on its buses.

    Attributes:
        listeners: Called, under the gate's lock, with each event that was accepted.
    """

    @property
    def _url_module(self) -> Any:
        # moto looks for a backend's URLs beside the module of its class.
        return events_urls

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.listeners: list[Callable[[str, dict[str, Any]], None]] = []

    def put_events(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Put events on their buses."""
        answers: list[dict[str, Any]] = super().put_events(events)
        for event, answer in zip(events, answers, strict=True):
            if "EventId" in answer:
                bus = str(event.get("EventBusName") or "default").rsplit("/", 1)[-1]
                _log.debug(str(event.get("DetailType")), extra={"bus": bus})
                for listener in self.listeners:
                    listener(bus, {**event, "id": answer["EventId"]})
        return answers
