"""Virtual time, and greenlets that take turns: whoever waits, for an answer or for time, lets the others go on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from heapq import heappop, heappush
from typing import Any

from greenlet import GreenletExit, getcurrent, greenlet

__all__ = ["GreenletPool", "Invocation", "Loop", "StormError", "Task"]

MAX_EVENTS = 150_000


class StormError(Exception):
    """Far more happens than any history needs: something goes round and round."""


class Task(greenlet):
    """One strand of an invocation: its main one, or one message of its batch.

    Attributes:
        use_case: What it runs, as the coverage matrix names it.
        subject: What its chances are about.
        record: The queue's record, of a message's strand.
        hint: The wake-up or action message that was read from the record.
        again: Whether the queue said that it delivered the message before.
        seen: Timers as this strand last read them, by id.
        listed: Timers as this strand read them when an index named them, by id.
        wrote: What it wrote, as entries of the log.
        sent: What it sent, as entries of the log.
    """

    def __init__(self, invocation: Invocation, subject: str, work: Callable[[], Any], name: str) -> None:
        super().__init__(self._work, invocation.loop.hub)
        self.invocation, self.subject, self.name = invocation, subject, name
        self.use_case = invocation.use_case
        self.record: Any = None
        self.hint: Any = None
        self.again = False
        self.seen: dict[str, Any] = {}
        self.listed: dict[str, Any] = {}
        self.wrote: list[Any] = []
        self.sent: list[Any] = []
        self.result: Any = None
        self.error: BaseException | None = None
        self.then: Callable[[], None] | None = None
        self._do = work

    def _work(self) -> None:
        try:
            self.result = self._do()
        except GreenletExit:
            return
        except BaseException as error:
            self.error = error
        if self.then is not None and not self.invocation.over:
            self.then()


class Invocation:
    """One call of a function, with a clock of its own and a limit to its time.

    Attributes:
        over: Whether it ended, well or badly; nothing of it runs any more.
        ended: Called at the end with its main strand, or with none if it crashed.
    """

    __slots__ = ("deadline_ms", "ended", "function", "loop", "number", "over", "skew_ms", "tasks", "use_case")

    def __init__(self, loop: Loop, function: str, use_case: str, number: int, skew_ms: int, deadline_ms: int) -> None:
        self.loop, self.function, self.use_case, self.number = loop, function, use_case, number
        self.skew_ms, self.deadline_ms = skew_ms, deadline_ms
        self.tasks: list[Task] = []
        self.over = False
        self.ended: Callable[[Task | None], None] = lambda _: None

    def start(self, subject: str, work: Callable[[], Any], ended: Callable[[Task | None], None]) -> None:
        """Run the work in a strand of its own, now."""
        self.ended = ended
        main = self.strand(subject, work)
        main.then = lambda: self._end(main)
        self.loop.switch(main)

    def strand(self, subject: str, work: Callable[[], Any]) -> Task:
        """Make a further strand; it does not run yet."""
        task = Task(self, subject, work, f"{self.function}#{self.number}.{len(self.tasks)}")
        self.tasks.append(task)
        return task

    def _end(self, main: Task) -> None:
        self.over = True
        self.ended(main)

    def crash(self) -> None:
        """End it where it stands; called from outside its strands."""
        if self.over:
            return
        self.over = True
        for task in self.tasks:
            if not task.dead:
                self.loop.throw(task)
        self.ended(None)


class Loop:
    """Events in the order of their times, and whose turn it is.

    Attributes:
        now_ms: True time, epoch milliseconds; the clocks of functions may differ from it.
        current: The strand whose turn it is, if any.
        hub: Where events are done, between the strands' turns.
    """

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms
        self.current: Task | None = None
        self.events = 0
        self._heap: list[tuple[int, int, int, Callable[[], None]]] = []
        self._count = 0
        self.hub = getcurrent()

    def at(self, when_ms: int, action: Callable[[], None], tie: int = 0) -> None:
        """Have something done at a time; of those of one instant the lowest tie is first."""
        self._count += 1
        heappush(self._heap, (max(when_ms, self.now_ms), tie, self._count, action))

    def run(self, until_ms: int) -> None:
        """Do what is to be done until a time.

        Raises:
            StormError: If there is no end to it.
        """
        heap = self._heap
        while heap and heap[0][0] <= until_ms:
            self.now_ms, _, _, action = heappop(heap)
            self.events += 1
            if self.events > MAX_EVENTS:
                raise StormError(f"{MAX_EVENTS} events, and no end")
            action()
        self.now_ms = max(self.now_ms, until_ms)

    def pause(self, duration_ms: int, tie: int = 0) -> None:
        """Let others go on, until a duration has passed; called within a strand."""
        task = self.current
        assert task is not None
        self.at(self.now_ms + duration_ms, lambda: self.switch(task), tie)
        self.wait()

    def wait(self) -> None:
        """Let others go on until somebody switches to this strand again."""
        self.hub.switch()

    def switch(self, task: Task) -> None:
        """Give a strand its turn, unless its invocation is over."""
        if task.invocation.over or task.dead:
            return
        before, self.current = self.current, task
        task.switch()
        self.current = before

    def throw(self, task: Task) -> None:
        """End a strand where it stands."""
        before, self.current = self.current, task
        task.throw(GreenletExit)
        self.current = before


class GreenletPool(Executor):
    """Runs what it is given as strands of the invocation that asks, in an order of chance.

    Args:
        loop: Whose turn it is.
        subject_of: What the chances of an item are about.
        tie: Decides the order of a beginning.
    """

    def __init__(self, loop: Loop, subject_of: Callable[[Any], str], tie: Callable[[str], int]) -> None:
        self._loop, self._subject_of, self._tie = loop, subject_of, tie

    def map(  # type: ignore[override]
        self, work: Callable[[Any], Any], items: Iterable[Any], timeout: float | None = None, chunksize: int = 1
    ) -> Iterator[Any]:
        """Run all of them, and wait for them."""
        parent = self._loop.current
        assert parent is not None
        strands: list[Task] = []
        left = 0

        def done() -> None:
            nonlocal left
            left -= 1
            if not left:
                self._loop.at(self._loop.now_ms, lambda: self._loop.switch(parent))

        for item in items:
            subject = self._subject_of(item)
            strand = parent.invocation.strand(subject, lambda item=item: work(item))
            strand.record, strand.then = item, done
            strands.append(strand)
            left += 1
        for strand in strands:
            self._loop.at(self._loop.now_ms, lambda strand=strand: self._loop.switch(strand), self._tie(strand.subject))
        if strands:
            self._loop.wait()
        for strand in strands:
            if strand.error is not None:
                raise strand.error
        return iter([strand.result for strand in strands])
