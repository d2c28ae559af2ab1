"""One-shot schedules, over EventBridge Scheduler."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from minoots_kernel.adapters.aws import answering
from minoots_kernel.domain.messages import WakeUp

if TYPE_CHECKING:
    from mypy_boto3_scheduler.client import EventBridgeSchedulerClient

__all__ = ["SCHEDULE_NAME", "SchedulerWakeSchedules"]

SCHEDULE_NAME: Final = re.compile(r"[0-9a-zA-Z_.-]{1,64}")
"""What EventBridge Scheduler takes for a schedule's name."""

WHO: Final = "EventBridge Scheduler"
# The sweep fires a timer soon after it is due; a wake-up delivered long after that would only be dropped.
MAX_EVENT_AGE_S: Final = 3_600
MAX_RETRIES: Final = 60


class SchedulerWakeSchedules:
    """The schedules of one group; each puts one wake-up on the wake queue and is gone.

    Args:
        client: Client of EventBridge Scheduler.
        group: The schedule group's name.
        target_arn: The wake queue.
        role_arn: What Scheduler is when it sends there.
        dead_letter_arn: The queue for wake-ups that it could not send.
    """

    def __init__(
        self, client: EventBridgeSchedulerClient, *, group: str, target_arn: str, role_arn: str, dead_letter_arn: str
    ) -> None:
        self._client = client
        self._group = group
        self._target_arn = target_arn
        self._role_arn = role_arn
        self._dead_letter_arn = dead_letter_arn

    def put(self, wake_up: WakeUp, at_ms: int) -> None:
        """Make the schedule named after the wake-up; one that exists already is left as it is.

        Raises:
            ValueError: If the instant (epoch milliseconds) is no whole second, or the name is none for a schedule.
        """
        if at_ms % 1000:
            raise ValueError(f"a schedule is for a whole second, not for {at_ms} ms")
        if not SCHEDULE_NAME.fullmatch(wake_up.name):
            raise ValueError(f"'{wake_up.name}' is no name for a schedule")
        try:
            with answering(WHO):
                self._client.create_schedule(
                    Name=wake_up.name,
                    GroupName=self._group,
                    ScheduleExpression=f"at({datetime.fromtimestamp(at_ms // 1000, UTC):%Y-%m-%dT%H:%M:%S})",
                    ScheduleExpressionTimezone="UTC",
                    FlexibleTimeWindow={"Mode": "OFF"},
                    ActionAfterCompletion="DELETE",
                    Target={
                        "Arn": self._target_arn,
                        "RoleArn": self._role_arn,
                        "Input": wake_up.to_json(),
                        "DeadLetterConfig": {"Arn": self._dead_letter_arn},
                        "RetryPolicy": {
                            "MaximumEventAgeInSeconds": MAX_EVENT_AGE_S,
                            "MaximumRetryAttempts": MAX_RETRIES,
                        },
                    },
                )
        except self._client.exceptions.ConflictException:
            return

    def delete(self, wake_up: WakeUp) -> None:
        """Remove the schedule named after the wake-up; that there is none is no error."""
        try:
            with answering(WHO):
                self._client.delete_schedule(Name=wake_up.name, GroupName=self._group)
        except self._client.exceptions.ResourceNotFoundException:
            return
