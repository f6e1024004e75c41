"""What a payment costs when the system has seen much: from a thousand entities to five million."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fraudline.bench.course import SATURATING_CONNECTIONS
from fraudline.bench.load import Form
from fraudline.bench.measuring import Measuring, Stretch, Supply

# Each payer brings four entities: a card, a merchant, a device and a customer.
ENTITIES_A_PAYER = 4
SIZES = (1_000, 10_000, 100_000, 1_000_000, 5_000_000)
FEW, MANY = 10_000, 5_000_000
FILL_SECONDS = 900.0
SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Growth:
    """What was measured, by the number of entities that were known."""

    stretches: Mapping[int, Stretch]

    @property
    def times(self) -> float:
        """What a payment costs with many entities, CPU of all processes together, in costs with few."""
        return self.stretches[MANY].cpu_microseconds_in_all / self.stretches[FEW].cpu_microseconds_in_all

    @property
    def scorer_bytes(self) -> int:
        """The scorer's memory with many entities."""
        return self.stretches[MANY].memory_bytes["scorer"]


async def measure(measuring: Measuring, tell: Callable[[Stretch], None]) -> Growth:
    """Fill the state to each size with payments of so many payers, then measure with payments of the same.

    Raises:
        FraudlineError: A count does not agree, or the load could not be made.
    """

    async def post(name: str, payers: int, *, seconds: float, most: int = 0) -> Stretch:
        return await measuring.post(
            name,
            Form.BATCH,
            seconds=seconds,
            connections=SATURATING_CONNECTIONS[Form.BATCH],
            supply=Supply(population=payers),
            most=most,
        )

    stretches = {}
    for entities in SIZES:
        payers = entities // ENTITIES_A_PAYER
        # Not measured: what a new entity costs is not what is asked.
        await post("filling", payers, seconds=FILL_SECONDS, most=max(payers, Form.BATCH.size))
        stretches[entities] = await post(f"batch, {entities:,} entities", payers, seconds=SECONDS)
        tell(stretches[entities])
    return Growth(stretches)
