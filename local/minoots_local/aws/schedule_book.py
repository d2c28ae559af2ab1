"""EventBridge Scheduler's state, with the validation that moto lacks and news of every change."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from moto.scheduler import urls as scheduler_urls
from moto.scheduler.exceptions import ScheduleExists, ScheduleGroupNotFound, ValidationException
from moto.scheduler.models import EventBridgeSchedulerBackend, Schedule

_AT = re.compile(r"at\((\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})\)")
_RATE = re.compile(r"rate\(([1-9]\d*) (minute|minutes|hour|hours|day|days)\)")
_NAME = re.compile(r"[0-9a-zA-Z\-_.]{1,64}")
_UNIT_MS = {"minute": 60_000, "hour": 3_600_000, "day": 86_400_000}


def at_ms(expression: str, timezone: str | None = None) -> int | None:
    """Epoch milliseconds of an `at(…)` expression; None when it is not one.

    Raises:
        ValueError: It is one, of a time or zone that does not exist.
    """
    match = _AT.fullmatch(expression)
    if match is None:
        return None
    zone = UTC if timezone in {None, "UTC"} else ZoneInfo(str(timezone))
    return int(datetime.fromisoformat(match.group(1)).replace(tzinfo=zone).timestamp() * 1000)


def rate_ms(expression: str) -> int | None:
    """Period of a `rate(…)` expression in milliseconds; None when it is not one."""
    match = _RATE.fullmatch(expression)
    if match is None:
        return None
    value, unit = int(match.group(1)), match.group(2)
    if (value == 1) == unit.endswith("s"):
        return None  # "rate(1 minutes)" and "rate(5 minute)" are refused by AWS, too
    return value * _UNIT_MS[unit.removesuffix("s")]


class ScheduleBook(EventBridgeSchedulerBackend):
    """moto's Scheduler backend that refuses what Scheduler would, and tells of changes.

    Attributes:
        listeners: Called, under the gate's lock, with each schedule made, changed or deleted.
    """

    @property
    def _url_module(self) -> Any:
        # moto looks for a backend's URLs beside the module of its class.
        return scheduler_urls

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.listeners: list[Callable[[Schedule], None]] = []

    def create_schedule(self, **kwargs: Any) -> Schedule:  # type: ignore[override]
        """Create a one-shot schedule.

        A time that has passed is accepted, as Scheduler's reference names no rule against it, and
        is fired at once.
        """
        self._check(kwargs)
        try:
            schedule = super().create_schedule(**kwargs)
        except ScheduleExists as conflict:
            conflict.code = 409  # moto says 400
            raise
        return self._told(schedule)

    def update_schedule(self, **kwargs: Any) -> Schedule:  # type: ignore[override]
        """Replace a schedule's definition."""
        self._check(kwargs)
        kwargs["state"] = kwargs.get("state") or "ENABLED"  # moto leaves it out
        return self._told(super().update_schedule(**kwargs))

    def delete_schedule(self, group_name: str | None, name: str) -> None:
        """Delete a schedule."""
        schedule = self.get_schedule(group_name, name)
        super().delete_schedule(group_name, name)
        self._told(schedule)

    def is_current(self, schedule: Schedule) -> bool:
        """Whether a schedule still stands in its group."""
        group = self.schedule_groups.get(schedule.group_name)
        return group is not None and group.schedules.get(schedule.name) is schedule

    def _told(self, schedule: Schedule) -> Schedule:
        for listener in self.listeners:
            listener(schedule)
        return schedule

    def _check(self, request: dict[str, Any]) -> None:
        if (request.get("group_name") or "default") not in self.schedule_groups:
            raise ScheduleGroupNotFound(str(request.get("group_name")))
        if not _NAME.fullmatch(str(request.get("name"))):
            raise ValidationException(f"Invalid schedule name {request.get('name')}.")
        expression = str(request.get("schedule_expression"))
        try:
            due = at_ms(expression, request.get("schedule_expression_timezone"))
        except (ValueError, KeyError) as error:
            raise ValidationException(f"Invalid Schedule Expression {expression}.") from error
        if due is None:
            # Beyond Scheduler's own rule: cron and rate schedules made by API are not played.
            raise ValidationException(f"Invalid Schedule Expression {expression}: the local stack plays at(…) only.")
        mode = (request.get("flexible_time_window") or {}).get("Mode")
        if mode not in {"OFF", "FLEXIBLE"}:
            raise ValidationException("FlexibleTimeWindow.Mode must be OFF or FLEXIBLE.")
        target = request.get("target") or {}
        if not target.get("Arn") or not target.get("RoleArn"):
            raise ValidationException("Target needs an Arn and a RoleArn.")
