from __future__ import annotations

import contextlib
import time
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minoots_contract.templates import (
    MAX_LOOK_UPS,
    MAX_PATH,
    MAX_STEPS,
    PLACEHOLDER_COST,
    Budget,
    LookUpsSpentError,
    MalformedTemplateError,
    RenderedTooLargeError,
    TemplateError,
    UnknownPlaceholderError,
    field_path,
    placeholders,
    render,
    render_text,
)

CONTEXT: dict[str, Any] = {
    "timer": {
        "name": "tea",
        "metadata": {
            "ticket": 7,
            "price": 1.5,
            "urgent": True,
            "none": None,
            "list": ["a", {"b": "c"}],
            "who": "Zoë & Ann",
            "a": {"b": "deep"},
            "a.b": "dotted",
            "braces": "{{ timer.name }}",
            "with blank": "yes",
        },
        "labels": {"app.kubernetes.io/name": "api", "x": "1"},
    }
}


@pytest.mark.parametrize(
    ("template", "result"),
    [
        ("plain", "plain"),
        ("{{ timer.name }}", "tea"),
        ("{{timer.name}}!", "tea!"),
        ("{{   timer.name   }}{{timer.name}}", "teatea"),
        ("{{ timer.metadata.ticket }}", 7),
        ("#{{ timer.metadata.ticket }}", "#7"),
        ("{{ timer.metadata.price }}", 1.5),
        ("{{ timer.metadata.urgent }}", True),
        ("is {{ timer.metadata.urgent }}", "is true"),
        ("{{ timer.metadata.none }}", None),
        ("{{ timer.metadata.none }} ", "null "),
        ("{{ timer.metadata.list }}", ["a", {"b": "c"}]),
        ("got {{ timer.metadata.list }}", 'got ["a",{"b":"c"}]'),
        ("{{ timer.metadata.list.0 }}", "a"),
        ("{{ timer.metadata.list.1.b }}", "c"),
        ("{{ timer.metadata.a.b }}", "dotted"),
        ("{{ timer.metadata.with blank }}", "yes"),
        ("{{ timer.labels.app.kubernetes.io/name }}", "api"),
        ("{{ timer.metadata.braces }}", "{{ timer.name }}"),
        ("<{{ timer.metadata.braces }}>", "<{{ timer.name }}>"),
        ("{{ '{{' }} timer.name }}", "{{ timer.name }}"),
        ("{{ '{{' }}", "{{"),
        ("a }} b } c { d", "a }} b } c { d"),
        (["{{ timer.name }}", 1, None], ["tea", 1, None]),
        ({"a": {"b": ["{{ timer.name }}"]}}, {"a": {"b": ["tea"]}}),
        ({"{{ timer.name }}": 1}, {"{{ timer.name }}": 1}),
        (5, 5),
    ],
)
def test_placeholders_are_filled_in(template: Any, result: Any) -> None:
    rendered = render(template, CONTEXT)
    assert rendered == result
    assert type(rendered) is type(result)


@pytest.mark.parametrize(
    "path",
    [
        "timer.nome",
        "timer.metadata.missing",
        "timer.name.length",
        "timer.metadata.list.2",
        "timer.metadata.list.-1",
        "timer.metadata.list.\u0661",
        "timer.metadata.list.9999999",
        "timer.__class__",
        "timer.metadata.items",
        "timer.metadata.ticket.real",
        "timer.",
        ".timer",
        "timer..name",
        "timer['name']",
        "timer.name | upper",
        "1 + 1",
        "'x'",
        "''",
        "metadata.ticket",
    ],
)
def test_a_path_that_leads_nowhere_is_refused_and_named(path: str) -> None:
    with pytest.raises(UnknownPlaceholderError, match="there is no '") as refused:
        render({"a": ["x", f"{{{{ {path} }}}}"]}, CONTEXT)
    assert path.strip() in str(refused.value)
    assert field_path("body", refused.value.where) == "body.a[1]"


@pytest.mark.parametrize(
    "text", ["{{", "{{ timer.name", "{{ }}", "{{}}", "x {{ a {{ b }}", "{{{ timer.name }}}", "{{{{"]
)
def test_braces_that_begin_no_placeholder_are_refused(text: str) -> None:
    for refusing in (lambda: render(text, CONTEXT), lambda: placeholders(text), lambda: render_text(text, CONTEXT)):
        with pytest.raises(MalformedTemplateError, match="begins no placeholder"):
            refusing()


def test_the_paths_of_a_value_are_found_wherever_they_stand() -> None:
    value = {"a": "{{ timer.name }} {{timer.id}}", "b": ["{{ delivery.id }}", {"c": "{{ '{{' }}"}], "d": 1}
    assert placeholders(value) == {"timer.name", "timer.id", "delivery.id"}


def test_text_stays_text_and_what_is_put_in_is_escaped() -> None:
    assert render_text("{{ timer.metadata.ticket }}", CONTEXT) == "7"
    escaped = render_text(
        "/a/{{ timer.metadata.who }}?q={{ timer.name }}", CONTEXT, escape=lambda text: quote(text, safe="")
    )
    assert escaped == "/a/Zo%C3%AB%20%26%20Ann?q=tea"


@pytest.mark.parametrize("template", ["{{ long }}" * 300, ["{{ long }}"] * 300, ["{{ list }}"] * 300])
def test_a_template_cannot_blow_up(template: Any) -> None:
    context = {"long": "x" * 1_000, "list": ["x" * 500, "y" * 500]}
    with pytest.raises(RenderedTooLargeError):
        render(template, context)


def test_what_fits_exactly_passes() -> None:
    assert render("{{ a }}", {"a": "x" * 10}, limit=10) == "x" * 10
    with pytest.raises(RenderedTooLargeError):
        render("{{ a }}", {"a": "x" * 11}, limit=10)


def crossing(depth: int) -> dict[str, Any]:
    """Names with dots that can be taken for two steps wherever one is meant: `a.a.a` leads three ways, and so on."""
    return {"a": crossing(depth - 1), "a.a": crossing(depth - 2)} if depth > 0 else {}


def led_astray(depth: int) -> tuple[str, dict[str, Any]]:
    """A path of which the last way that is tried leads somewhere, and what it is looked up in."""
    values = last = crossing(depth)
    for _ in range(depth):
        last = last["a"]
    last["z"] = 1
    return ".".join(["a"] * depth) + ".z", values


def cpu_s(template: Any, context: dict[str, Any]) -> float:
    begun = time.process_time()
    with contextlib.suppress(TemplateError):
        render(template, context)
    return time.process_time() - begun


@pytest.mark.parametrize("long", [".".join("a" * 20_000), "x" * 40_000, " ".join("a" * 20_000)])
def test_a_long_path_is_refused_at_once(long: str) -> None:
    template, context = [f"{{{{ timer.metadata.{long} }}}}"], {"timer": {"metadata": {long: 1}}}
    for refusing in (lambda: render(template, context), lambda: placeholders(template)):
        with pytest.raises(MalformedTemplateError, match="1024 characters and 64 steps at most") as refused:
            refusing()
        assert refused.value.where == (0,)
    assert cpu_s(template, context) < 0.2


def test_the_longest_path_and_the_most_steps_are_taken() -> None:
    long, steps = "x" * MAX_PATH, ".".join("a" * MAX_STEPS)
    assert render(f"{{{{ {long} }}}}", {long: 1}) == 1
    assert render(f"{{{{ {steps} }}}}", {steps: 1}) == 1
    for beyond in (long + "x", steps + ".a"):
        with pytest.raises(MalformedTemplateError):
            render(f"{{{{ {beyond} }}}}", {beyond: 1})


def test_what_leads_nowhere_is_gone_back_on() -> None:
    path, values = led_astray(10)
    assert render([f"{{{{ {path} }}}}"] * 300, values) == [1] * 300


def test_names_with_dots_cannot_keep_anybody_busy() -> None:
    path, values = led_astray(18)
    with pytest.raises(LookUpsSpentError, match="too many look-ups") as refused:
        render([f"{{{{ {path} }}}}"] * 300, values)
    assert refused.value.where == (0,)
    distinct = [f"{{{{ {path}{' ' * number}}}}}{{{{ {path}{number} }}}}" for number in range(300)]
    assert cpu_s(distinct, values) < 0.2


def test_a_path_that_is_named_again_is_not_looked_up_again() -> None:
    path, values = led_astray(12)
    once, often = Budget(), Budget()
    render(f"{{{{ {path} }}}}", values, budget=once)
    render(f"{{{{ {path} }}}}" * 100, values, budget=often)
    assert once.look_ups - often.look_ups == 99 * PLACEHOLDER_COST


def test_renderings_that_share_a_budget_spend_it_together() -> None:
    whole = Budget(100)
    render("{{ a }}", {"a": 1}, budget=Budget(whole=whole))
    assert whole.look_ups == 100 - PLACEHOLDER_COST - 1
    with pytest.raises(LookUpsSpentError):
        render(["{{ a }}"] * 30, {"a": 1}, budget=Budget(whole=whole))


def test_thousands_of_plain_placeholders_fit() -> None:
    values = {f"value{number}": number for number in range(1_500)}
    template = [f"{{{{ timer.metadata.value{number} }}}}" for number in range(1_500)]
    assert render(template, {"timer": {"metadata": values}}) == list(range(1_500))
    assert render("{{ a }}" * (MAX_LOOK_UPS // PLACEHOLDER_COST - 1), {"a": "b"})


def test_a_text_that_does_not_fit_is_not_escaped_first() -> None:
    escaped: list[str] = []
    with pytest.raises(RenderedTooLargeError):
        render_text("{{ a }}", {"a": "x" * 11}, escape=lambda text: escaped.append(text) or text, limit=10)
    assert escaped == []


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_a_value_without_opening_braces_stays_as_it_is(value: Any) -> None:
    try:
        rendered = render(value, {})
    except TemplateError:
        assert "{{" in repr(value)
    else:
        assert rendered == value
