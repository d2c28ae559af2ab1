"""What the SDK's HTTP client sends goes through a guarded conversation, and what it reads comes out of it.

The SDK takes any client of httpx2, and httpx2 any transport. This one makes each request by the very code that checks
addresses, keeps time and bounds answers for everything else that goes out. So the SDK resolves no name, opens no
connection, follows no redirect, unpacks nothing and keeps no cookie: of an answer it sees the messages, whether they
are a stream, and the session's id.
"""

from __future__ import annotations

import json
from collections import Counter
from contextlib import ExitStack
from typing import Final

import httpx2
from anyio import to_thread

from minoots_kernel.adapters.agents.mcp_answers import EVENTS, UNANSWERED, Events, answer_to, refusal_of
from minoots_kernel.adapters.agents.mcp_messages import CALL, REPLY, RESUME, Message, fields_of
from minoots_kernel.adapters.webhook.conversation import Answer, Conversation
from minoots_kernel.adapters.webhook.replies import Reply, refusal
from minoots_kernel.application.ports import Clock
from minoots_kernel.domain.agents import AgentDelivery
from minoots_kernel.domain.errors import ActionError, PermanentActionError, PutOffError, TransientActionError

__all__ = ["GuardedTransport"]

MOST: Final = {RESUME: 5, REPLY: 20}
"""How often a stream is taken up again, and how many questions are answered; the SDK would go on for ever."""
MAX_OF_THE_REST: Final = 100
REPLY_S: Final = 2.0
"""Most time to say no to a question, seconds: by so much does a server that does not take it keep the attempt up."""
SESSION: Final = "mcp-session-id"
# What an HTTP client writes on its own account, which here is the conversation.
_HTTP: Final = frozenset({"host", "connection", "content-length", "transfer-encoding", "user-agent", "accept-encoding"})


class GuardedTransport(httpx2.AsyncBaseTransport):
    """Sends the messages of one conversation, each with the fields of its delivery.

    The SDK logs exceptions, and some of its tasks end with them in ways of their own. So it is not given any: the first
    failure that matters is noted here, and the SDK told that the server is unavailable.

    Args:
        conversation: Makes the requests.
        delivery: What is delivered, and where to: the SDK's own idea of the URL is not asked.
        clock: Tells what time it is when a server names one.
    """

    def __init__(self, conversation: Conversation, delivery: AgentDelivery, clock: Clock) -> None:
        self._conversation = conversation
        self._delivery = delivery
        self._clock = clock
        self._sent: Counter[str] = Counter()
        self._called = False
        self._asked: Message | None = None
        self._failure: Exception | None = None

    @property
    def failure(self) -> Exception | None:
        """What the conversation failed of, if it did.

        Who is put off has sent nothing. Once the tool was called that is so no more: it may have run.
        """
        if self._called and isinstance(self._failure, PutOffError):
            return TransientActionError(UNANSWERED, failure="connection")
        return self._failure

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request and return its answer, or one that stands for the failure."""
        content = await request.aread()
        message = Message.of(request.method, json.loads(content) if content else {})
        if request.method == "GET" and "last-event-id" not in request.headers:
            return httpx2.Response(405)  # what a server says on its own account is nothing to the caller of one tool
        if message.part == RESUME:
            self._forget_break()
        if not self._counts_in(message) or (self._failure is not None and message.decides):
            return httpx2.Response(503)
        theirs = {name: value for name, value in request.headers.items() if name not in _HTTP}
        try:
            if message.part != REPLY:
                # Nothing else runs in this loop that could not wait: it is the conversation's own.
                return self._ask(request, message, theirs, content)
            # In a thread: the stream in which it was asked goes on meanwhile, and may have the tool's answer.
            return await to_thread.run_sync(self._reply, request, message, theirs, content)
        except Exception as error:
            if message.decides:
                self._note(error)
            return httpx2.Response(503)

    def _reply(
        self, carrier: httpx2.Request, message: Message, theirs: dict[str, str], content: bytes
    ) -> httpx2.Response:
        with self._conversation.briefly(REPLY_S):
            return self._ask(carrier, message, theirs, content)

    def _ask(
        self, carrier: httpx2.Request, message: Message, theirs: dict[str, str], content: bytes
    ) -> httpx2.Response:
        part, nth = message.part, self._sent[message.part]
        fields = fields_of(self._delivery, part, nth, theirs, content) | {"accept-encoding": "identity"}
        with ExitStack() as stack:
            opened = self._conversation.ask(carrier.method, self._delivery.target, fields, content or None)
            answer = stack.enter_context(opened)
            self._called = self._called or part == CALL
            failure = self._judged(answer, part, in_session=SESSION in theirs)
            if failure is not None:
                return _refusal(message, answer, failure, may_be_mcp=SESSION not in theirs and part != RESUME)
            if not message.decides:
                return httpx2.Response(200)
            found = answer.header(SESSION)
            kept = {SESSION: found} if found is not None else {}
            if message.number is not None:
                self._asked = message
            asked = self._asked if part == RESUME else message
            if _is_stream(answer) and asked is not None and asked.number is not None:
                stream = Events(asked, carrier, answer.chunks(), stack.pop_all(), self._note)
                return httpx2.Response(200, headers={**kept, "content-type": EVENTS}, stream=stream)
            whole = b"".join(answer.chunks())  # to its end, so that the connection can be used again
        if message.number is not None:
            whole = answer_to(message, whole)
        return httpx2.Response(200, headers={**kept, "content-type": "application/json"}, content=whole)

    def _judged(self, answer: Answer, part: str, *, in_session: bool) -> ActionError | None:
        """Return the failure that an answer stands for by its head, if it does for one."""
        failure = refusal(Reply(answer.status, answer.headers), self._clock.now_ms())
        if failure is None and (answer.header("content-encoding") or "identity").strip().lower() != "identity":
            failure = PermanentActionError("the receiver's answer is compressed, unasked", failure="invalidResponse")
        elif failure is not None and answer.status == 404 and in_session:
            failure = TransientActionError("the MCP server forgot the session", 404, failure="serverError")
        if part == RESUME and isinstance(failure, PermanentActionError):
            # The request was taken, and its stream broke off. That it cannot be taken up says nothing of the next one.
            failure = TransientActionError(UNANSWERED, retry_after_ms=failure.retry_after_ms, failure="connection")
        return failure

    def _counts_in(self, message: Message) -> bool:
        """Count a message; say whether it may still go out, for the SDK would go on for ever."""
        self._sent[message.part] += 1
        if self._sent[message.part] <= MOST.get(message.part, MAX_OF_THE_REST):
            return True
        if message.decides:
            self._note(TransientActionError(UNANSWERED, failure="connection"))
        return False

    def _forget_break(self) -> None:
        """Forget that a stream broke, which is taken up where it did; what a server refused stays refused."""
        if not isinstance(self._failure, ActionError):
            self._failure = None

    def _note(self, error: Exception) -> None:
        self._failure = self._failure or error


def _is_stream(answer: Answer) -> bool:
    return (answer.header("content-type") or "").partition(";")[0].strip().lower() == EVENTS


def _refusal(message: Message, answer: Answer, failure: ActionError, *, may_be_mcp: bool) -> httpx2.Response:
    """Return an answer in which it is the protocol that refuses, and not HTTP: 2026-07-28 has statuses for its errors.

    Raises:
        ActionError: The given one, if it is HTTP, or nothing of the kind can be read.
    """
    if not may_be_mcp or answer.status not in {400, 404}:
        raise failure
    try:
        said = refusal_of(message, b"".join(answer.chunks()))
    except Exception:
        raise failure from None
    if said is None:
        raise failure
    return httpx2.Response(answer.status, headers={"content-type": "application/json"}, content=said)
