"""A tenant's own policies: written, checked, kept in versions, tried, and asked upon every call."""

from __future__ import annotations

import logging
import re
import time
from typing import Any

import pytest

from minoots_contract.identity import ROLES, RoleName
from minoots_contract.instants import format_instant
from minoots_kernel.adapters.cedar import CedarEngine
from minoots_kernel.domain.api_keys import key_from_file
from minoots_kernel.domain.authority import Thing
from minoots_kernel.domain.errors import PermanentActionError
from minoots_kernel.domain.policies import PolicyVersion, Question, statements
from minoots_kernel.domain.roles import held_roles
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.interfaces.rest.errands import ABOUT, EACH_BY
from minoots_kernel.interfaces.rest.roles import REQUIRED_ROLES
from tests.unit.domain.builders import NOW_MS
from tests.unit.interfaces.api import CACHE_MS, KEY, OTHER_KEY, Answer, Api
from tests.unit.interfaces.test_tenants_apart import BODIES, OPERATIONS, Apart, Operation

ENGINE = CedarEngine()
DEFAULTS = ENGINE.defaults()
NOTHING = '@id("nothing") forbid (principal, action, resource);'
GOVERNED = {operation: about for operation, about in ABOUT.items() if about is not None}


@pytest.fixture
def api() -> Api:
    return Api()


def put(api: Api, text: str, **more: Any) -> Answer:
    return api.call("PUT", "/policies", body={"policies": text, **more})


def in_force(api: Api, text: str) -> None:
    answer = put(api, text)
    assert answer.status == 200, answer.text


def key_of(api: Api, name: str, *roles: RoleName) -> str:
    text = f"mnt_{name}"
    api.keys.put(key_from_file(text, "demo", name=name, roles=frozenset(roles)))
    return text


def test_the_tables_of_roles_and_of_what_calls_are_about_have_the_same_operations() -> None:
    assert set(ABOUT) == set(REQUIRED_ROLES)
    assert set(EACH_BY) | set(EACH_BY.values()) <= set(GOVERNED)
    ungoverned = {REQUIRED_ROLES[operation] for operation in set(ABOUT) - set(GOVERNED)}
    assert ungoverned <= {None, "operator"}, "every operation within a tenant is for its policies to refuse"


def test_the_schema_has_every_operation_that_policies_decide_upon_and_no_other() -> None:
    declared = re.findall(r'^action ((?:"\w+",?\s*)+)in \["([\w.]+)"\]\s+appliesTo', ENGINE.schema(), re.MULTILINE)
    roles = {operation: role for names, role in declared for operation in re.findall(r"\w+", names)}
    assert roles == {operation: REQUIRED_ROLES[operation] for operation in GOVERNED}


def whole(operation: str) -> Thing:
    """Something of the sort that an operation is about, with every attribute."""
    attributes: dict[str, Any] = {
        "Timer": {"name": "n", "status": "armed", "requestedBy": "ann", "fireAt": NOW_MS},
        "DeadLetter": {"timerId": "t", "actionId": "a", "kind": "webhook"},
        "Destination": {"url": "https://example.com"},
        "Key": {"name": "k", "roles": frozenset({"timer.read"})},
    }
    return Thing(GOVERNED[operation], "x", attributes.get(GOVERNED[operation], {}))


def test_the_default_policies_say_what_the_table_of_roles_says() -> None:
    rules = ENGINE.compile(DEFAULTS)
    for given in [frozenset[RoleName](), *(frozenset({role}) for role in sorted(ROLES))]:
        caller = Principal("demo", "ann", roles=held_roles(given))
        decisions = rules.decide([Question(caller, one, whole(one), NOW_MS, "203.0.113.7") for one in GOVERNED])
        for operation, decision in zip(GOVERNED, decisions, strict=True):
            assert decision.allowed == (REQUIRED_ROLES[operation] in caller.roles), (operation, given)
            assert not decision.errors


def test_the_default_policies_have_no_fault_and_are_shown_to_a_tenant_without_its_own(api: Api) -> None:
    assert ENGINE.faults(DEFAULTS) == []
    answer = api.call("GET", "/policies")
    assert answer.status == 200
    assert (answer.json["version"], answer.json["own"], answer.json["policies"]) == (0, False, DEFAULTS)
    assert answer.json["cedarSchema"] == ENGINE.schema()
    assert answer.headers["etag"] == '"0"'
    in_force(api, DEFAULTS)
    assert api.call("GET", "/policies").json["own"]


def attempted(api: Apart, operation: Operation) -> Answer:
    body = BODIES.get(operation.id, {}) if operation.method in {"POST", "PUT", "PATCH"} else None
    return api.call(operation.method, operation.at(api.values), body=body)


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.id in GOVERNED], ids=lambda one: one.id)
def test_every_operation_asks_the_policies_before_it_does_anything(operation: Operation) -> None:
    api = Apart()
    before = api.belongings()
    force(api, f"{DEFAULTS}\n{refusing(operation.id)}")
    answer = attempted(api, operation)
    assert (answer.status, answer.json["code"]) == (403, "forbidden"), answer.text
    assert "refused by the-one" in answer.json["detail"]
    assert len(api.policies._versions["demo"]) == 3
    api.policies._versions["demo"].pop()
    api.known.forget("demo")
    assert api.belongings() == before


def force(api: Api, text: str | None) -> None:
    """Put policies in force, whatever they lead to."""
    latest = api.policies.latest("demo")
    api.policies.put(PolicyVersion("demo", latest.version + 1 if latest else 1, text, NOW_MS, "ann"))
    api.known.forget("demo")


def refusing(operation: str) -> str:
    return f'@id("the-one") forbid (principal, action == Action::"{operation}", resource);'


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.id in GOVERNED], ids=lambda one: one.id)
def test_every_operation_works_under_the_default_policies_as_it_does_without(operation: Operation) -> None:
    plain, governed = Apart(), Apart()
    force(governed, DEFAULTS)
    without, under = attempted(plain, operation), attempted(governed, operation)
    if "olic" not in operation.id:
        assert without.status == under.status
        assert without.text == under.text
    assert under.status < 500


def test_a_policy_may_go_by_the_labels_of_a_timer(api: Api) -> None:
    team = '@id("teams") forbid (principal, action in [Action::"timer.write", Action::"timer.cancel"], resource)\n'
    team += 'unless { !(resource is Timer) || resource.hasTag("team") && resource.getTag("team") == "billing" };'
    in_force(api, DEFAULTS + team)
    robot = key_of(api, "robot", "timer.manage")

    def created(**labels: str) -> Answer:
        return api.call("POST", "/timers", key=robot, body={"duration": "1h", "labels": labels})

    mine, others = created(team="billing"), created(team="growth")
    assert (mine.status, others.status, created().status) == (201, 403, 403)
    assert len(api.store.timers) == 1
    assert api.call("POST", f"/timers/{mine.json['id']}/cancel", key=robot, body={}).status == 200


@pytest.mark.parametrize("end", ["", "\\"])
def test_a_text_that_nothing_closes_is_one_piece(end: str) -> None:
    """However many quotes stand in it: cutting takes time in proportion to its length."""
    text = 'permit (principal, action, resource) when { "' + '\\"' * 60_000 + end
    began_s = time.process_time()
    assert [statement.text for statement in statements(text)] == [text]
    assert time.process_time() - began_s < 2, "it took a minute"


def test_a_change_makes_no_timer_that_its_writer_could_not_have_created(api: Api) -> None:
    text = '@id("rules") forbid (principal == Caller::"robot", action, resource is Timer) unless {\n'
    text += '  resource.hasTag("team") && resource.getTag("team") == "billing" && resource.name like "bill-*"\n'
    text += f'  && resource.fireAt < datetime("{format_instant(NOW_MS + 7_200_000)}") }};'
    in_force(api, DEFAULTS + text)
    robot = key_of(api, "robot", "timer.manage")
    body = {"duration": "1h", "name": "bill-1", "labels": {"team": "billing"}}
    timer = api.call("POST", "/timers", key=robot, body=body).json
    path = f"/timers/{timer['id']}"
    for change in ({"labels": {"team": "payroll"}}, {"name": "pay-1"}):
        assert api.call("PATCH", path, key=robot, body=change).status == 403
    for verb, asked in (("reschedule", {"duration": "3h"}), ("extend", {"by": "3h"}), ("snooze", {"duration": "3h"})):
        assert api.call("POST", f"{path}/{verb}", key=robot, body=asked).status == 403, verb
    assert api.call("GET", path).json == timer, "nothing was changed"
    assert api.call("PATCH", path, key=robot, body={"name": "bill-2", "metadata": {"a": 1}}).status == 200
    assert api.call("POST", f"{path}/extend", key=robot, body={"by": "30m"}).status == 200
    assert api.call("POST", f"{path}/pause", key=robot, body={}).status == 200


def test_a_key_that_made_a_timer_which_is_hidden_tells_nothing_of_it(api: Api) -> None:
    in_force(
        api,
        DEFAULTS + '@id("secret") forbid (principal == Caller::"robot", action, resource is Timer) when '
        '{ resource.name == "secret" };',
    )
    robot = key_of(api, "robot", "timer.manage")
    body = {"duration": "1h", "name": "secret"}
    hidden = api.call("POST", "/timers", body=body, headers={"idempotency-key": "k"}).json
    other = api.call("POST", "/timers", key=robot, body={"duration": "2h"}, headers={"idempotency-key": "k"})
    assert other.status == 403
    assert hidden["id"] not in other.text


def test_a_listing_leaves_out_what_could_not_be_read_by_itself(api: Api) -> None:
    made = [api.post(duration="1h", labels={"secret": text}).json["id"] for text in ("no", "yes", "no")]
    in_force(
        api,
        DEFAULTS + '@id("secret") forbid (principal == Caller::"robot", action == Action::"getTimer", resource)'
        ' when { resource.hasTag("secret") && resource.getTag("secret") == "yes" };',
    )
    robot = key_of(api, "robot", "timer.read")
    listed = [one["id"] for one in api.call("GET", "/timers", key=robot).json["timers"]]
    assert listed == [made[2], made[0]]
    assert api.call("GET", f"/timers/{made[1]}", key=robot).status == 403
    assert len(api.call("GET", "/timers").json["timers"]) == 3


@pytest.mark.parametrize("limit", ["1", "2", "50"])
def test_a_search_that_finds_hidden_timers_is_answered_as_one_that_finds_nothing(api: Api, limit: str) -> None:
    for name in ("payroll-1", "tea", "payroll-2", "payroll-3"):
        api.post(duration="1h", name=name, labels={"secret": "no" if name == "tea" else "yes"})
    in_force(
        api,
        DEFAULTS + '@id("secret") forbid (principal == Caller::"robot", action == Action::"getTimer", resource)'
        ' when { resource.hasTag("secret") && resource.getTag("secret") == "yes" };',
    )
    robot = key_of(api, "robot", "timer.read")

    def search(prefix: str, **query: str) -> Answer:
        return api.call("GET", "/timers", query={"namePrefix": prefix, "limit": limit} | query, key=robot)

    assert search("payroll-").text == search("pension-").text == '{"timers":[]}'
    assert search("payroll-", sort="createdAt").headers == search("pension-", sort="createdAt").headers
    everything = api.call("GET", "/timers", query={"limit": limit}, key=robot).json["timers"]
    assert [one["name"] for one in everything] == ["tea"]


def test_dead_letters_that_are_hidden_fill_no_page(api: Api) -> None:
    for host in ("a.example", "b.example", "b.example"):
        url = f"https://{host}/x"
        api.post(duration="1s", actionBundle={"actions": [{"id": "a", "kind": "webhook", "parameters": {"url": url}}]})
        api.receiver.answers.append(PermanentActionError("no"))
    api.play(api.clock.now_ms() + 60_000)
    first, *_ = letters = sorted(api.dead_letters.letters, key=lambda letter: letter.timer_id)
    assert len(letters) == 3
    in_force(
        api,
        DEFAULTS + '@id("b") forbid (principal == Caller::"robot", action == Action::"getDeadLetter", resource)'
        f' when {{ resource.timerId != "{first.timer_id}" }};',
    )
    robot = key_of(api, "robot", "timer.read")

    def search(**query: str) -> Answer:
        return api.call("GET", "/dead-letters", query={"limit": "1"} | query, key=robot)

    assert search(host="b.example").text == search(host="c.example").text
    assert [one["id"] for one in search().json["deadLetters"]] == [first.id]


def test_a_policy_may_let_somebody_do_what_no_role_would(api: Api) -> None:
    reader = key_of(api, "nobody")
    assert api.call("GET", "/timers", key=reader).status == 403
    in_force(api, DEFAULTS + '@id("guest") permit (principal == Caller::"nobody", action, resource is Tenant);')
    assert api.call("GET", "/timers", key=reader).status == 200


def test_a_policy_may_go_by_where_a_call_comes_from_and_when(api: Api) -> None:
    robot = key_of(api, "robot", "timer.read")
    near = '@id("near") forbid (principal == Caller::"robot", action, resource)\n'
    for condition, status in (
        ('context has ip && context.ip.isInRange(ip("203.0.113.0/24"))', 403),
        ('context has ip && context.ip.isInRange(ip("10.0.0.0/8"))', 200),
        ('context.now < datetime("2026-01-01")', 200),
        ('context.now.toTime() >= duration("14h")', 403),
    ):
        in_force(api, f"{DEFAULTS}{near} when {{ {condition} }};")
        assert api.call("GET", "/timers", key=robot).status == status, condition


def test_the_subject_of_a_token_is_not_taken_for_a_key_of_the_same_name() -> None:
    rules = ENGINE.compile('@id("key") permit (principal == Caller::"billing", action, resource);')
    thing = Thing("Tenant", "demo")
    key = Principal("demo", "billing")
    token = Principal("demo", "billing", authenticated_by="oidc", issuer="https://id.example")
    decided = [rules.decide([Question(who, "listTimers", thing, NOW_MS)])[0].allowed for who in (key, token)]
    assert decided == [True, False]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("permit (principal, action, resource)", 1, "semicolon"),
        ("\n\npermit (\n  principal,,\n  action, resource);", 4, "unexpected token `,`"),
        ('// why\n@id("a")\npermit (principal, action == Action::"cancelTimers", resource);', 3, "cancelTimers"),
        ('@id("a")\npermit (\n  principal in Rolle::"timer.read",\n  action, resource);', 3, "Rolle"),
        (
            '@id("a") permit (principal, action == Action::"getTimer", resource)\nwhen {\n  resource.labels == "x" };',
            3,
            "labels",
        ),
        ('@id("a") permit (principal, action == Action::"getTimer", resource)\nwhen { context.hour > 3 };', 2, "hour"),
        ('@id("a") permit (principal, action, resource);\n@id("a") permit (principal, action, resource);', 2, "line 1"),
        ("permit (principal, action, resource);", 1, "@id"),
        ('@id("a") permit (principal == ?principal, action, resource);', 1, "templates"),
        ('@id("a;b")\n// ; not the end "\npermit (principal, action, resource);\nnonsense', 4, "semicolon"),
    ],
)
def test_policies_with_a_fault_are_refused_with_its_line(api: Api, text: str, line: int, said: str) -> None:
    answer = put(api, text, force=True)
    assert (answer.status, answer.json["code"]) == (422, "invalid-policy")
    assert answer.fields[0] == f"policies:{line}"
    assert said in answer.json["errors"][0]["message"]
    assert answer.json["detail"].startswith(f"Line {line}: ")
    assert api.call("GET", "/policies").json["version"] == 0


@pytest.mark.parametrize("text", ["", NOTHING, DEFAULTS + NOTHING, "// nobody may do anything"])
def test_nobody_locks_himself_out_without_saying_so(api: Api, text: str) -> None:
    answer = put(api, text)
    assert (answer.status, answer.json["code"], answer.fields) == (422, "invalid-policy", ["force"])
    assert api.call("GET", "/timers").status == 200
    assert put(api, text, force=True).status == 200
    assert api.call("GET", "/timers").status == 403
    assert put(api, DEFAULTS).status == 403
    assert api.call("GET", "/whoami").status == 200
    assert api.call("GET", "/timers", key=OTHER_KEY).status == 200


def test_versions_are_kept_and_may_be_put_in_force_again(api: Api) -> None:
    other = DEFAULTS + '@id("x") forbid (principal == Caller::"eve", action, resource);'
    in_force(api, DEFAULTS)
    assert put(api, other).json["version"] == 2
    restored = api.call("PUT", "/policies", body={"restoreVersion": 1}).json
    assert (restored["version"], restored["policies"], restored["createdBy"]) == (3, DEFAULTS, "demo")
    assert api.call("DELETE", "/policies").json["own"] is False
    assert api.call("DELETE", "/policies").status == 404
    listed = api.call("GET", "/policies/versions", query={"limit": "3"}).json
    assert [(one["version"], one["own"]) for one in listed["versions"]] == [(4, False), (3, True), (2, True)]
    rest = api.call("GET", "/policies/versions", query={"limit": "3", "cursor": listed["nextCursor"]}).json
    assert [one["version"] for one in rest["versions"]] == [1]
    assert "nextCursor" not in rest
    assert api.call("GET", "/policies/versions/2").json["policies"] == other
    assert api.call("GET", "/policies/versions/9").status == 404
    assert api.call("PUT", "/policies", body={"restoreVersion": 9}).status == 404


def test_a_change_upon_what_others_have_changed_is_refused(api: Api) -> None:
    stale = api.call("GET", "/policies").headers["etag"]
    in_force(api, DEFAULTS)
    for method in ("PUT", "DELETE"):
        body = {"policies": DEFAULTS} if method == "PUT" else None
        answer = api.call(method, "/policies", body=body, headers={"if-match": stale})
        assert (answer.status, answer.json["code"]) == (412, "version-mismatch")
    fresh = api.call("GET", "/policies").headers["etag"]
    assert api.call("DELETE", "/policies", headers={"if-match": fresh}).status == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "policies"), ({"policies": DEFAULTS, "restoreVersion": 1}, "policies"), ({"policies": 1}, "policies")],
)
def test_a_request_that_does_not_say_which_policies_is_refused(api: Api, body: dict[str, Any], field: str) -> None:
    answer = api.call("PUT", "/policies", body=body)
    assert (answer.status, answer.fields) == (400, [field])


def test_policies_can_be_tried_before_they_are_in_force(api: Api) -> None:
    draft = DEFAULTS + '@id("night") forbid (principal, action == Action::"fireTimer", resource)'
    draft += ' when { context.now.toTime() < duration("6h") };'
    question: dict[str, Any] = {
        "principal": {"subject": "robot", "roles": ["timer.manage"]},
        "action": "fireTimer",
        "resource": {
            "type": "Timer",
            "id": "t",
            "name": "n",
            "status": "armed",
            "requestedBy": "ann",
            "fireAt": "2026-11-22T04:00:00Z",
            "labels": {"team": "billing"},
        },
        "at": "2026-11-22T03:00:00Z",
    }

    def asked(**more: Any) -> Any:
        return api.call("POST", "/policies:test", body={**question, **more}).json

    assert asked() == {"decision": "allow", "policies": ["managers"], "errors": []}
    assert asked(policies=draft) == {"decision": "deny", "policies": ["night"], "errors": []}
    assert asked(policies=draft, at="2026-11-22T07:00:00Z")["decision"] == "allow"
    assert asked(principal={"subject": "robot"}) == {"decision": "deny", "policies": [], "errors": []}
    assert "fly" in asked(action="fly")["errors"][0]
    assert asked(policies="permit")["code"] == "invalid-policy"
    in_force(api, draft)
    assert asked()["decision"] == "deny"


def test_only_administrators_are_told_which_policy_refused(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "minoots_kernel.application.decision_log")
    in_force(api, DEFAULTS + '@id("frozen") forbid (principal, action == Action::"createTimer", resource);')
    robot = key_of(api, "robot", "timer.write")
    assert "version 1, do not allow that: refused by frozen" in api.post(duration="1h").json["detail"]
    refused = api.call("POST", "/timers", key=robot, body={"duration": "1h"})
    assert "frozen" not in refused.text
    assert "'request-1'" in refused.json["detail"]
    denied = [one for one in caplog.records if getattr(one, "decision", "") == "deny"]
    assert len(denied) == 2
    told = denied[-1].__dict__
    assert (told["decisionId"], told["subject"], told["action"]) == ("request-1", "robot", "createTimer")
    assert (told["policies"], told["policyVersion"]) == (["frozen"], 1)
    assert told["resource"].startswith("Timer::")


def test_a_refusal_that_no_policy_made_says_so(api: Api) -> None:
    in_force(api, '@id("admins") permit (principal, action in Action::"tenant.admin", resource);')
    assert "no policy allows it" in api.post(duration="1h").json["detail"]


def test_others_heed_a_change_when_their_memory_of_policies_ends(api: Api) -> None:
    in_force(api, DEFAULTS)
    assert api.call("GET", "/timers").status == 200
    api.policies.put(PolicyVersion("demo", 2, NOTHING, NOW_MS, "another server"))
    assert api.call("GET", "/timers").status == 200
    api.clock.advance(CACHE_MS)
    assert api.call("GET", "/timers").status == 403


def test_a_tenant_without_policies_of_its_own_needs_no_policy_engine(api: Api) -> None:
    class NoEngine(CedarEngine):
        def compile(self, text: str) -> Any:
            raise AssertionError("nobody asked for that")

    api.known.engine = NoEngine()
    assert api.post(duration="1h").status == 201


def test_another_tenants_things_are_not_found_whatever_ones_own_policies_say(api: Api) -> None:
    timer_id = api.post(duration="1h").json["id"]
    api.policies.put(PolicyVersion("other", 1, '@id("all") permit (principal, action, resource);', NOW_MS, "eve"))
    assert api.call("GET", f"/timers/{timer_id}", key=OTHER_KEY).status == 404


def test_nobody_gives_roles_that_he_has_not_whatever_the_policies_say(api: Api) -> None:
    in_force(api, '@id("all") permit (principal, action, resource);')
    robot = key_of(api, "robot")
    answer = api.call("POST", "/keys", key=robot, body={"name": "k", "roles": ["tenant.admin"]})
    assert (answer.status, answer.fields) == (403, ["roles"])


OPERATOR = "mnt_ops"


def locking_in(ms: int) -> str:
    """A policy that lets nobody do anything from so many milliseconds after the beginning."""
    return (
        '@id("soon") forbid (principal, action, resource)'
        f' when {{ context.now > datetime("{format_instant(NOW_MS + ms)}") }};'
    )


def reset(api: Api, tenant: str = "demo", key: str = OPERATOR) -> Answer:
    api.keys.put(key_from_file(OPERATOR, "ops", name="olga", roles=frozenset({"operator", "tenant.admin"})))
    return api.call("DELETE", f"/tenants/{tenant}/policies", key=key)


def test_an_operator_lets_those_in_again_whom_their_own_policies_have_locked_out(api: Api) -> None:
    in_force(api, '@id("all") permit (principal, action, resource);' + locking_in(4_000))
    api.clock.advance(5_000)
    assert put(api, DEFAULTS, force=True).status == 403
    assert api.call("DELETE", "/policies").status == 403
    answer = reset(api)
    assert answer.status == 200
    assert (answer.json["version"], answer.json["own"], answer.json["createdBy"]) == (2, False, "olga")
    assert api.call("GET", "/timers").status == 200
    assert put(api, DEFAULTS).status == 200
    for key in (OPERATOR, KEY):
        entries = api.call("GET", "/audit", key=key).json["entries"]
        told = [one["resource"] for one in entries if one["action"] == "resetTenantPolicies"]
        assert told == [{"type": "Tenant", "id": "demo"}]


def test_there_is_nothing_to_reset_where_a_tenant_has_no_policies_of_its_own(api: Api) -> None:
    for tenant in ("demo", "nobody"):
        assert (reset(api, tenant).status, api.known.of(tenant).version) == (404, 0)
    in_force(api, DEFAULTS)
    assert [reset(api).status, reset(api).status] == [200, 404]


def test_only_an_operator_resets_policies_whatever_they_permit(api: Api) -> None:
    in_force(api, '@id("all") permit (principal, action, resource);')
    assert reset(api, key=KEY).status == 403
    assert api.call("GET", "/policies").json["own"]
