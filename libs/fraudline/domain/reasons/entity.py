"""How sentences speak of what the features are of: a card, a merchant, a card at a merchant, and so on."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Entity:
    """The words for one kind of entity.

    Attributes:
        kind: As its features' names begin.
        name: It, as the subject of a sentence.
        where: As it follows "payments".
        average: Its mean amount.
        among: As it follows "frauds": a customer has suffered a fraud, not paid it.
        first: The sentence for a payment before which none was seen.
        absent: The sentence for a payment that has none.
    """

    kind: str
    name: str
    where: str
    average: str
    among: str
    first: str
    absent: str


ENTITIES: Final = {
    entity.kind: entity
    for entity in (
        Entity(
            kind="card",
            name="this card",
            where="on this card",
            average="this card's average payment",
            among="on this card",
            first="This is the first payment seen on this card.",
            absent="The payment names no card.",
        ),
        Entity(
            kind="merchant",
            name="this merchant",
            where="at this merchant",
            average="the average payment at this merchant",
            among="at this merchant",
            first="This is the first payment seen at this merchant.",
            absent="The payment names no merchant.",
        ),
        Entity(
            kind="pair",
            name="this card at this merchant",
            where="with this card at this merchant",
            average="this card's average payment at this merchant",
            among="with this card at this merchant",
            first="This is the first payment seen with this card at this merchant.",
            absent="The payment does not name both a card and a merchant.",
        ),
        Entity(
            kind="device",
            name="this device",
            where="from this device",
            average="the average payment from this device",
            among="from this device",
            first="This is the first payment seen from this device.",
            absent="The payment names no device.",
        ),
        Entity(
            kind="country",
            name="this country",
            where="at merchants of this country",
            average="the average payment at merchants of this country",
            among="at merchants of this country",
            first="This is the first payment seen at merchants of this country.",
            absent="The payment does not tell the merchant's country.",
        ),
        Entity(
            kind="customer",
            name="this customer",
            where="by this customer",
            average="this customer's average payment",
            among="among this customer's payments",
            first="No earlier payment by this customer has been seen.",
            absent="The payment names no customer.",
        ),
    )
}
"""All kinds that a feature can be of; what no kind begins is of the payment itself."""
