"""What is asked of a model of AWS."""

from dataclasses import dataclass, field, fields

from minoots_local.errors import LocalStackError


@dataclass(frozen=True, slots=True)
class FaultRates:
    """How often a call of AWS goes wrong, each from 0 to 1.

    Attributes:
        throttles: It is refused for load, in the way of its service.
        resets: The connection is closed before it is done.
        lost_answers: It is done, and the caller is never told: the connection is closed, or stays silent.
    """

    throttles: float = 0.0
    resets: float = 0.0
    lost_answers: float = 0.0

    @property
    def any(self) -> bool:
        """Whether any call goes wrong."""
        return bool(self.throttles or self.resets or self.lost_answers)

    def __post_init__(self) -> None:
        rates = {one.name: getattr(self, one.name) for one in fields(self)}
        for name, rate in rates.items():
            _check(name, rate)
        _check("throttles, resets and lost answers together", sum(rates.values()))


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """How AWS-like the local stack behaves.

    Attributes:
        latencies: Whether hops take as long as on AWS, and Scheduler its minute.
        cold_starts: Whether new execution environments do, too; not without latencies.
        duplicates: How often a queue's message or a stream's record is delivered again, from 0 to 1.
        faults: How often calls go wrong.
        seed: Where every random choice begins.
    """

    latencies: bool = False
    cold_starts: bool = True
    duplicates: float = 0.0
    faults: FaultRates = field(default_factory=FaultRates)
    seed: int = 0

    def __post_init__(self) -> None:
        _check("duplicates", self.duplicates)


def _check(name: str, rate: float) -> None:
    if not 0 <= rate <= 1:
        raise LocalStackError(f"{name.replace('_', ' ')}: {rate:g} is no rate from 0 to 1")
