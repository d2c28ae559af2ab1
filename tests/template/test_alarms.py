"""Each alarm is raised by its own trouble and by nothing else, and says where its runbook is."""

import json
import re
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import pytest

from minoots_contract.timers import CreateTimerRequest
from minoots_kernel.adapters.emf import EmfMetrics
from minoots_kernel.adapters.memory import (
    MemoryActionQueue,
    MemoryCircuitStore,
    MemoryDeadLetterStore,
    MemoryTimerStore,
    MemoryWakeQueue,
    MemoryWakeSchedules,
    VirtualClock,
)
from minoots_kernel.application.fire_timer import FireTimer
from minoots_kernel.application.protect import Protect
from minoots_kernel.application.sweep_timers import SweepTimers
from minoots_kernel.domain.circuits import FAILURES_TO_OPEN, Call
from minoots_kernel.domain.creation import new_timer
from minoots_kernel.domain.errors import TransientActionError
from minoots_kernel.domain.messages import WakeUp
from tests.template.alarm_evaluation import Metric, Samples, raised
from tests.template.expanded import DEAD_LETTER_QUEUES, FUNCTIONS, RUNBOOKS, STREAM_FUNCTIONS, Resources

MINUTES = 20
END_S = 1_800_000_000
MINUTE_STARTS = [END_S - 60 * (back + 1) for back in range(MINUTES)]  # newest first


def depth(queue: str) -> Metric:
    return Metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", frozenset({("QueueName", queue)}))


def of_function(name: str, function: str) -> Metric:
    return Metric("AWS/Lambda", name, frozenset({("FunctionName", function)}))


FAILURES = Metric("AWS/ApiGateway", "5xx", frozenset({("ApiId", "ControlPlaneApi")}))


EXECUTIONS_FAILED = Metric(
    "AWS/States", "ExecutionsFailed", frozenset({("StateMachineArn", "AcknowledgementStateMachine")})
)


def own(name: str) -> Metric:
    return Metric("Minoots", name, frozenset({("service", "minoots")}))


def healthy() -> Samples:
    """Twenty minutes of a stack that works, a cold start included."""
    samples = Samples(END_S)
    for at_s in MINUTE_STARTS:
        for queue in DEAD_LETTER_QUEUES:
            samples.add(depth(queue), at_s, 0)
        for function in FUNCTIONS:
            samples.add(of_function("Errors", function), at_s, 0, 0)
            samples.add(of_function("Throttles", function), at_s, 0, 0)
        for function in STREAM_FUNCTIONS:
            samples.add(of_function("IteratorAge", function), at_s, 350, 900)
        samples.add(FAILURES, at_s, 0)
        samples.add(EXECUTIONS_FAILED, at_s, 0)
        samples.add(own("Lateness"), at_s, 12, 25, 90, 240)
    samples.add(own("Lateness"), MINUTE_STARTS[1], 2600)
    return samples


@dataclass(frozen=True, slots=True)
class Trouble:
    """What goes wrong: a metric's values in the newest minutes."""

    metric: Metric
    value: float
    minutes: int = 1

    def samples(self, minutes: int | None = None) -> Samples:
        """A stack that has this trouble, and no other."""
        samples = healthy()
        for at_s in MINUTE_STARTS[: self.minutes if minutes is None else minutes]:
            samples.add(self.metric, at_s, self.value)
        return samples


TROUBLES: Mapping[str, Trouble] = {
    "WakeDeadLetterAlarm": Trouble(depth("WakeDeadLetterQueue"), 1),
    "ActionDeadLetterAlarm": Trouble(depth("ActionDeadLetterQueue"), 1),
    "ScheduleDeadLetterAlarm": Trouble(depth("ScheduleDeadLetterQueue"), 1),
    "ArmFailureAlarm": Trouble(depth("ArmFailureQueue"), 1),
    "SweepFailureAlarm": Trouble(depth("SweepFailureQueue"), 1),
    "FabricFailureAlarm": Trouble(depth("FabricFailureQueue"), 1),
    "KernelArmAgeAlarm": Trouble(of_function("IteratorAge", "KernelArmFunction"), 61_000, minutes=3),
    "EventFabricAgeAlarm": Trouble(of_function("IteratorAge", "EventFabricFunction"), 301_000, minutes=3),
    "ControlPlaneFailuresAlarm": Trouble(FAILURES, 6),
    "AcknowledgementFailuresAlarm": Trouble(EXECUTIONS_FAILED, 1),
    "SweepRepairsAlarm": Trouble(own("SweepRepairs"), 1),
    "CircuitsOpenedAlarm": Trouble(own("CircuitsOpened"), 1),
    "DeadLettersAlarm": Trouble(own("DeadLetters"), 1),
    "LatenessAlarm": Trouble(own("Lateness"), 2_001, minutes=10),
    **{
        function.replace("Function", f"{what}Alarm"): Trouble(of_function(what, function), 1)
        for function in FUNCTIONS
        for what in ("Errors", "Throttles")
    },
}
# Raised by what lasts, and by how many minutes of it at least.
LASTING = {"KernelArmAgeAlarm": 3, "EventFabricAgeAlarm": 3, "LatenessAlarm": 6}


@pytest.fixture
def alarms(source: dict[str, Any], alarms_source: dict[str, Any]) -> dict[str, tuple[dict[str, Any], Metric]]:
    """Every alarm with its parameters filled in, and the metric that it watches; resources go by their logical ids."""
    nested = source["Resources"]["Alarms"]["Properties"]["Parameters"]
    given = {name: logical_id(value) for name, value in nested.items()}

    def resolved(value: Any) -> Any:
        return given[value["Ref"]] if isinstance(value, dict) and set(value) == {"Ref"} else value

    def watched(alarm: Mapping[str, Any]) -> Metric:
        dimensions = frozenset((one["Name"], resolved(one["Value"])) for one in alarm["Dimensions"])
        return Metric(alarm["Namespace"], alarm["MetricName"], dimensions)

    defaults = {name: one.get("Default") for name, one in source["Parameters"].items()}
    found = {}
    for name, resource in alarms_source["Resources"].items():
        alarm = {key: resolved(value) for key, value in resource["Properties"].items()}
        alarm["Threshold"] = defaults.get(alarm["Threshold"], alarm["Threshold"])
        found[name] = (alarm, watched(resource["Properties"]))
    return found


def logical_id(value: Any) -> str:
    """What a nested stack is given: a reference, or one under a condition."""
    if "Fn::If" in value:
        return logical_id(value["Fn::If"][1])
    return str(value["Ref"]) if "Ref" in value else str(value["Fn::GetAtt"][0])


Alarms = dict[str, tuple[dict[str, Any], Metric]]


def those_raised(alarms: Alarms, samples: Samples) -> set[str]:
    return {name for name, (alarm, metric) in alarms.items() if raised(alarm, metric, samples)}


def test_the_nested_stack_holds_alarms_and_nothing_that_runs(alarms_source: Resources) -> None:
    assert {one["Type"] for one in alarms_source["Resources"].values()} == {"AWS::CloudWatch::Alarm"}


def test_every_alarm_has_a_trouble_that_it_is_tried_with(alarms: Alarms) -> None:
    assert set(TROUBLES) == set(alarms)


@pytest.mark.parametrize("name", sorted(TROUBLES))
def test_a_trouble_raises_its_alarm_and_no_other(alarms: Alarms, name: str) -> None:
    assert those_raised(alarms, TROUBLES[name].samples()) == {name}


@pytest.mark.parametrize("name", sorted(LASTING))
def test_a_passing_delay_raises_no_alarm(alarms: Alarms, name: str) -> None:
    assert those_raised(alarms, TROUBLES[name].samples(LASTING[name] - 1)) == set()
    assert those_raised(alarms, TROUBLES[name].samples(LASTING[name])) == {name}


@pytest.mark.parametrize("name", sorted(TROUBLES))
def test_an_alarm_ends_when_its_trouble_is_over(alarms: Alarms, name: str) -> None:
    samples = TROUBLES[name].samples()
    samples.end_s += MINUTES * 60
    assert those_raised(alarms, samples) == set()


def test_a_healthy_stack_raises_no_alarm(alarms: Alarms) -> None:
    assert those_raised(alarms, healthy()) == set()


def test_a_stack_that_nobody_uses_raises_no_alarm(alarms: Alarms) -> None:
    assert those_raised(alarms, Samples(END_S)) == set()


def test_alarms_of_what_publishes_events_are_there_only_if_it_is(alarms_source: Resources) -> None:
    conditional = {name for name, one in alarms_source["Resources"].items() if one.get("Condition")}
    assert conditional == {name for name in TROUBLES if name.startswith(("EventFabric", "FabricFailure"))}


def test_every_alarm_notifies_the_topic_if_there_is_one(alarms: Alarms) -> None:
    to_the_topic = {"Fn::If": ["NotifiesAlarms", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]}
    assert {name for name, (alarm, _) in alarms.items() if alarm["AlarmActions"] != to_the_topic} == set()


def test_the_nested_stack_gets_every_parameter_it_has(source: Resources, alarms_source: Resources) -> None:
    assert set(source["Resources"]["Alarms"]["Properties"]["Parameters"]) == set(alarms_source["Parameters"])


# What the functions count themselves

DUE_MS = END_S * 1000


def emitted(capsys: pytest.CaptureFixture[str]) -> Samples:
    """The samples that CloudWatch makes of the lines which an invocation wrote, added to a healthy stack's."""
    samples = healthy()
    for line in capsys.readouterr().out.splitlines():
        written = json.loads(line)
        for directive in written["_aws"]["CloudWatchMetrics"]:
            for names in directive["Dimensions"]:
                dimensions = frozenset((name, written[name]) for name in names)
                for metric in directive["Metrics"]:
                    key = Metric(directive["Namespace"], metric["Name"], dimensions)
                    for at_s in MINUTE_STARTS[:10]:
                        samples.add(key, at_s, *written[metric["Name"]])
    return samples


def one_late_timer(late_ms: int, run: Callable[[MemoryTimerStore, VirtualClock, EmfMetrics], object]) -> None:
    """Do something to a timer that was due a while ago, and write the metrics of it."""
    clock, store, metrics = VirtualClock(DUE_MS + late_ms), MemoryTimerStore(), EmfMetrics()
    request = CreateTimerRequest.model_validate({"requestedBy": "test", "duration": "1m"})
    store.create(new_timer(request, timer_id="t1", tenant_id="demo", now_ms=DUE_MS - 60_000))
    run(store, clock, metrics)
    metrics.flush()


def fire(store: MemoryTimerStore, clock: VirtualClock, metrics: EmfMetrics) -> None:
    queues = MemoryWakeQueue(clock), MemoryActionQueue(clock)
    FireTimer(store, MemoryDeadLetterStore(), *queues, MemoryWakeSchedules(), clock, metrics)(
        WakeUp("demo", "t1", 1, DUE_MS)
    )


def sweep(store: MemoryTimerStore, clock: VirtualClock, metrics: EmfMetrics) -> None:
    queues = MemoryWakeQueue(clock), MemoryActionQueue(clock)
    report = SweepTimers(store, MemoryDeadLetterStore(), *queues, MemoryWakeSchedules(), clock, metrics)()
    assert report.repaired == {"unfired": 1}


def test_timers_that_fire_late_raise_the_lateness_alarm(alarms: Alarms, capsys: pytest.CaptureFixture[str]) -> None:
    one_late_timer(2_500, fire)
    assert those_raised(alarms, emitted(capsys)) == {"LatenessAlarm"}


def test_timers_that_fire_on_time_raise_no_alarm(alarms: Alarms, capsys: pytest.CaptureFixture[str]) -> None:
    one_late_timer(30, fire)
    assert those_raised(alarms, emitted(capsys)) == set()


def test_what_the_sweep_repairs_raises_its_alarm(alarms: Alarms, capsys: pytest.CaptureFixture[str]) -> None:
    one_late_timer(40_000, sweep)
    assert those_raised(alarms, emitted(capsys)) == {"SweepRepairsAlarm"}


def test_a_receiver_that_fails_again_and_again_raises_its_alarm(
    alarms: Alarms, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics = EmfMetrics()
    shield = Protect(MemoryCircuitStore(), VirtualClock(DUE_MS), metrics, lambda *_: nullcontext())
    for _ in range(FAILURES_TO_OPEN):
        with pytest.raises(TransientActionError), shield.admitted(Call("demo", "h:example.org:443")):
            raise TransientActionError("busy", 503)
    metrics.flush()
    assert those_raised(alarms, emitted(capsys)) == {"CircuitsOpenedAlarm"}


# Runbooks

SECTIONS = ["What it means", "First look", "Likely causes", "What to do", "When to ignore it"]


def runbook_of(alarm: Mapping[str, Any]) -> str:
    found = re.search(r"; docs/runbooks/(\w+)\.md$", alarm["AlarmDescription"])
    assert found, alarm["AlarmDescription"]
    return found.group(1)


def test_every_alarm_names_a_runbook_and_every_runbook_is_named(alarms: Alarms) -> None:
    written = {path.stem for path in RUNBOOKS.glob("*.md")} - {"README"}
    assert {runbook_of(alarm) for alarm, _ in alarms.values()} == written


def test_an_alarm_shares_its_runbook_with_its_like_only(alarms: Alarms) -> None:
    for name, (alarm, metric) in alarms.items():
        shared = "FunctionThrottlesAlarm" if metric.name == "Throttles" else name
        assert runbook_of(alarm) == shared


@pytest.mark.parametrize("name", sorted({path.name for path in RUNBOOKS.glob("*.md")} - {"README.md"}))
def test_a_runbook_answers_the_five_questions_with_commands_to_look_with(name: str) -> None:
    text = (RUNBOOKS / name).read_text(encoding="utf-8")
    assert text.startswith(f"# {name.removesuffix('.md')}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    first_look = text.partition("## First look")[2].partition("## Likely causes")[0]
    assert re.search(r"```sh\n.+\n```", first_look, re.DOTALL)
    assert name.removesuffix(".md") in (RUNBOOKS / "README.md").read_text(encoding="utf-8")
