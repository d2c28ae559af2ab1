from __future__ import annotations

import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from minoots_contract.problems import ErrorCode
from minoots_kernel.adapters.memory import MemoryTimerStore
from minoots_kernel.application.ports import TimerKey
from minoots_kernel.domain import errors
from minoots_kernel.domain.api_keys import key_from_file
from minoots_kernel.domain.errors import DependencyUnavailableError, MinootsError
from minoots_kernel.domain.timer import Timer
from minoots_kernel.interfaces.rest.app import ControlPlane
from minoots_kernel.interfaces.rest.problems import STATUS
from tests.unit.application.world import crashing
from tests.unit.interfaces.api import Api, event


class FailingStore(MemoryTimerStore):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def get(self, key: TimerKey) -> Timer | None:
        raise self.error


def test_every_error_code_has_its_status() -> None:
    assert set(STATUS) == set(ErrorCode)


def test_statuses_say_whose_fault_it_is() -> None:
    at_fault = {code for code, status in STATUS.items() if status >= 500}
    assert at_fault == {ErrorCode.INTERNAL, ErrorCode.DEPENDENCY_UNAVAILABLE}
    assert all(400 <= status < 600 for status in STATUS.values())


def test_every_error_of_the_domain_has_a_code_with_a_status() -> None:
    kinds = [getattr(errors, name) for name in errors.__all__]
    told = [kind for kind in kinds if issubclass(kind, MinootsError)]
    assert len(told) >= 9
    for kind in told:
        error = kind("detail")
        assert STATUS[error.code]
        assert error.title
        assert error.retryable == (STATUS[error.code] in {429, 500, 503})


def test_an_unexpected_error_is_a_problem_that_says_nothing_of_the_inside(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    api = Api(FailingStore(RuntimeError("password=s3cret in table T")))
    answer = api.call("GET", "/timers/x")
    assert (answer.status, answer.json["code"]) == (500, "internal")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["requestId"] == answer.headers["x-request-id"] == "request-1"
    for inside in ("s3cret", "RuntimeError", "Traceback", "table"):
        assert inside not in answer.text
    assert "s3cret" in caplog.text, "the log has what the caller has not"


def test_a_store_that_does_not_answer_is_503_and_may_be_tried_again() -> None:
    answer = Api(FailingStore(DependencyUnavailableError("The store is slow."))).call("GET", "/timers/x")
    assert (answer.status, answer.json["code"], answer.json["detail"]) == (
        503,
        "dependency-unavailable",
        "The store is slow.",
    )
    assert answer.headers["retry-after"] == "1"


def test_a_create_whose_write_fails_is_no_success() -> None:
    api = Api()
    down = crashing(api.store, "create", error=DependencyUnavailableError("The store is slow."))
    broken = replace(api.use_cases, create_timer=replace(api.create, store=down))
    reply = ControlPlane(api.control_plane._authenticate, api.control_plane._authorise, broken, api.metrics)(
        event("POST", "/timers", body={"requestedBy": "c", "duration": 1}, headers={"x-api-key": "mnt_example"}), None
    )
    assert reply["statusCode"] == 503
    assert api.store.timers == []


@pytest.mark.parametrize(
    "broken",
    [{}, {"requestContext": {}}, {"requestContext": {"http": {"method": "GET"}}}],
)
def test_an_event_that_is_none_of_ours_is_answered_all_the_same(broken: dict[str, object]) -> None:
    answer = Api().send(broken)
    assert answer.status in {401, 500}
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_event_without_headers_is_one_without_a_key() -> None:
    made = event("POST", "/timers", body={"requestedBy": "c", "duration": 1})
    assert Api().send({**made, "headers": None}).status == 401
    del made["headers"]
    assert Api().send(made).status == 401


def test_tenants_that_call_at_the_same_time_never_see_one_anothers_answers() -> None:
    api = Api()
    names = [f"tenant-{number}" for number in range(32)]
    for name in names:
        api.keys.put(key_from_file(f"mnt_{name}", name))

    def talk(name: str) -> list[str]:
        mine: list[str] = []
        for round_ in range(12):
            made = api.call("POST", "/timers", key=f"mnt_{name}", body={"requestedBy": name, "duration": "1h"})
            assert made.status == 201
            mine.insert(0, made.json["id"])
            bad = api.call("POST", "/timers", key=f"mnt_{name}", body={"requestedBy": name, f"{name}-{round_}": 1})
            assert bad.fields == [f"{name}-{round_}"]
            read = api.call("GET", f"/timers/{mine[0]}", key=f"mnt_{name}")
            assert (read.json["tenantId"], read.json["requestedBy"]) == (name, name)
            listed = api.call("GET", "/timers", key=f"mnt_{name}").json["timers"]
            assert [timer["id"] for timer in listed] == mine
            assert {timer["tenantId"] for timer in listed} == {name}
        return mine

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(32) as pool:
            ids = [timer_id for made in pool.map(talk, names) for timer_id in made]
    finally:
        sys.setswitchinterval(interval)
    assert len(ids) == len(set(ids)) == 32 * 12
