"""What the log says, in the layout that the kernel takes: the one way there for the owner's batches and for the log."""

from typing import TYPE_CHECKING, Any

import numpy as np

from fraudline.kernel.events import ENTITY_KINDS, LABEL, TRANSACTION, Events, abroad_of, remote_of
from fraudline.kernel.keys import entity_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fraudline.postgres.log import LoggedEvent

_LONG_AGO = np.iinfo(np.int64).min  # of a label whose transaction was deleted: it counts on no day


def events_of(logged: "Sequence[LoggedEvent]") -> Events:
    """Return events, in the order of their positions, as the kernel wants them."""
    return events_of_log(list(zip(*logged, strict=True))) if logged else Events.empty()


def events_of_log(columns: "Sequence[Sequence[Any]]") -> Events:
    """Return the columns of `LoggedEvent` (`postgres.log.read_log`) as the kernel's events; what is null is NaN."""
    is_transaction, time, weight, amount, cards, merchants, devices, countries, customers, *rest = columns
    latitude, longitude, billing_countries, channels, transaction_times = rest
    size = len(is_transaction)
    keys = np.empty((size, len(ENTITY_KINDS)), np.uint64)
    for column, (kind, identifiers) in enumerate(
        zip(ENTITY_KINDS, (cards, merchants, devices, countries, customers), strict=True)
    ):
        keys[:, column] = entity_keys(kind, identifiers)
    kinds = np.where(is_transaction, TRANSACTION, LABEL).astype(np.int8)
    transaction_time = np.array(time, np.int64)
    for label in np.flatnonzero(kinds == LABEL).tolist():
        told = transaction_times[label]
        transaction_time[label] = _LONG_AGO if told is None else told
    return Events(
        kind=kinds,
        time=np.array(time, np.int64),
        amount=np.array(amount, np.float64),
        keys=keys,
        latitude=np.array(latitude, np.float64),
        longitude=np.array(longitude, np.float64),
        # A label has neither a billing country nor a channel: both are NaN.
        abroad=np.fromiter(map(abroad_of, countries, billing_countries), np.float64, size),
        remote=np.fromiter(map(remote_of, channels), np.float64, size),
        weight=np.array(weight, np.float64),
        transaction_time=transaction_time,
    )
