"""Functions of the template, run in this process the way Lambda runs them.

Lambda gives each execution environment one event at a time, and makes more environments under
load; libraries count on it (Powertools keeps the current request on the resolver). So does this:
a function is a pool of handlers, each made by the module's own `build(env)`.
"""

import importlib.util
import json
import sys
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from minoots_local.clock import Clock, take_time
from minoots_local.errors import TemplateError
from minoots_local.logs import logger
from minoots_local.model.hops import Hop, Model, Prompt
from minoots_local.template.model import REGION, Resource, Template, arn

Handler = Callable[[dict[str, Any], object], Any]

# Of environments of one function. Those that wait for a timer's last second cost nothing but memory.
MOST_ENVIRONMENTS = 96


@dataclass(frozen=True, slots=True)
class InvocationContext:
    """What Lambda passes as `context`."""

    function_name: str
    invoked_function_arn: str
    memory_limit_in_mb: int
    log_group_name: str
    aws_request_id: str
    deadline_ms: float
    clock: Clock
    function_version: str = "$LATEST"
    log_stream_name: str = "local"
    identity: None = None
    client_context: None = None

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function's timeout."""
        return max(0, int(self.deadline_ms - self.clock.now_ms()))


class LocalFunction:
    """One function of the template.

    Args:
        resource: The function's resource.
        template: The template that it is part of.
        clock: Measures its timeout.
        model: How long a new environment takes; no longer than here by default.
        max_concurrency: Most environments at a time.
        settings: What is known only once the stack runs, in place of the template's values.

    Attributes:
        logical_id: Its name in the template.
        arn: Its ARN.
        env: The settings that its handler is built from.
    """

    def __init__(
        self,
        resource: Resource,
        template: Template,
        clock: Clock,
        model: Model | None = None,
        max_concurrency: int = MOST_ENVIRONMENTS,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.logical_id = resource.logical_id
        self.name = resource.name
        self.arn = arn("lambda", f"function:{resource.name}")
        self.properties = resource.properties
        self.timeout_s = float(resource.properties.get("Timeout", 3))
        self.env = _environment(resource, settings or {})
        self._clock = clock
        self._model = model or Prompt()
        self._memory_mb = int(resource.properties.get("MemorySize", 128))
        self._log = logger(resource.logical_id)
        self._build = _builder(resource, template)
        self._condition = threading.Condition()
        self._idle: list[Handler] = []
        self._environments = 0
        self._most = max_concurrency

    def warm_up(self) -> None:
        """Build a first environment, so that a broken handler is found at start; it takes no longer than here."""
        handler = self._take(start_ms=0)
        self._give_back(handler)

    def invoke(self, event: dict[str, Any]) -> Any:
        """Run the handler on an event and return its answer as JSON would carry it.

        Raises:
            Exception: Whatever the handler raised.
        """
        started_ms = self._clock.now_ms()
        context = InvocationContext(
            function_name=self.name,
            invoked_function_arn=self.arn,
            memory_limit_in_mb=self._memory_mb,
            log_group_name=f"/aws/lambda/{self.name}",
            aws_request_id=str(uuid.uuid4()),
            deadline_ms=started_ms + self.timeout_s * 1000,
            clock=self._clock,
        )
        handler = self._take()
        try:
            answer = handler(event, context)
        finally:
            self._give_back(handler)
            took_ms = self._clock.now_ms() - started_ms
            if took_ms > self.timeout_s * 1000:
                # A thread cannot be ended as Lambda ends an environment; say that it would have been.
                self._log.warning(
                    "ran past its timeout, where Lambda would have ended it",
                    extra={"timeout_s": self.timeout_s, "took_s": round(took_ms / 1000, 1)},
                )
        return json.loads(json.dumps(answer)) if answer is not None else None

    def wait_until_idle(self, timeout_s: float) -> bool:
        """Wait for running invocations to end; returns whether they did."""
        with self._condition:
            return self._condition.wait_for(lambda: len(self._idle) == self._environments, timeout_s)

    def _take(self, start_ms: float | None = None) -> Handler:
        """An idle environment, or a new one (in so many milliseconds), or the first that falls idle."""
        with self._condition:
            while not self._idle:
                if self._environments < self._most:
                    self._environments += 1
                    break
                self._clock.wait(self._condition, None)
            else:
                return self._idle.pop()
        try:
            take_time(self._clock, self._model.delay_ms(Hop.COLD_START) if start_ms is None else start_ms)
            return self._build(self.env)
        except BaseException:
            with self._condition:
                self._environments -= 1
                self._clock.notify(self._condition)
            raise

    def _give_back(self, handler: Handler) -> None:
        with self._condition:
            self._idle.append(handler)
            self._clock.notify(self._condition)


def _environment(resource: Resource, settings: Mapping[str, str]) -> Mapping[str, str]:
    variables = (resource.properties.get("Environment") or {}).get("Variables") or {}
    return {
        **{name: settings.get(name, str(value)) for name, value in variables.items()},
        "AWS_REGION": REGION,
        "AWS_LAMBDA_FUNCTION_NAME": resource.name,
        "MINOOTS_ENVIRONMENT": "local",
    }


def _builder(resource: Resource, template: Template) -> Callable[[Mapping[str, str]], Handler]:
    """The `build` of the function's module, imported when it is first needed."""
    path = _handler_file(resource, template)

    def build(env: Mapping[str, str]) -> Handler:
        module = _load(f"minoots_local_function_{resource.logical_id}", path)
        maker = getattr(module, "build", None)
        if maker is None:
            raise TemplateError(f"{resource.logical_id}: {path} has no build(env)")
        handler: Handler = maker(env)
        return handler

    return build


def _handler_file(resource: Resource, template: Template) -> Path:
    """The handler's file: `functions.x.handler.handler` is `functions/x/handler.py`."""
    dotted = str(resource.properties["Handler"]).rsplit(".", 1)[0]
    relative = Path(*dotted.split(".")).with_suffix(".py")
    root = template.path.parent
    code = root / str(resource.properties.get("CodeUri", "."))
    for place in (root / relative, code / relative):
        if place.is_file():
            return place
    raise TemplateError(f"{resource.logical_id}: no {relative} beside {template.path.name} or in its CodeUri")


_loading = threading.Lock()


def _load(name: str, path: Path) -> ModuleType:
    with _loading:
        known = sys.modules.get(name)
        if known is not None and known.__file__ == str(path):
            return known
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise TemplateError(f"{path} is not a Python file")
        module = importlib.util.module_from_spec(spec)
        # Dataclasses and pickles look their module up by name.
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
        return module
