"""What people do about a flagged payment: say what it was, or whose it is to look at."""

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from fraudline.domain.card_number import no_card_number
from fraudline.domain.label import LabelValue
from fraudline.domain.posted import Identifier

MAX_NOTE_CHARACTERS = 2_000


class AlertStatus(StrEnum):
    """Whether somebody has said yet what a flagged payment was."""

    OPEN = "open"
    CLOSED = "closed"


class AlertEventKind(StrEnum):
    """What can happen to an alert."""

    OPENED = "opened"
    EXPLAINED = "explained"
    ASSIGNED = "assigned"
    DISPOSED = "disposed"


Note = Annotated[
    str,
    StringConstraints(max_length=MAX_NOTE_CHARACTERS, pattern=r"^[^\x00]*$"),
    AfterValidator(no_card_number),
]


class _Deed(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


class Disposition(_Deed):
    """What a person says that a flagged payment was, for good."""

    disposition: LabelValue
    note: Note | None = Field(default=None, description="Why; up to 2,000 characters.")


class Assignment(_Deed):
    """Whose an alert is from now on; null for nobody's."""

    assignee: Annotated[Identifier, AfterValidator(no_card_number)] | None
