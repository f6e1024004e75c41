"""What is measured, as the measuring sees it: where payments are posted, and where its verdicts can be counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

STORED: Final = """
select substr(v.transaction_id, 10)::bigint as number, extract(epoch from t.accepted_at)::float8 as accepted_at,
       extract(epoch from pg_xact_commit_timestamp(t.xmin))::float8 as committed_at,
       (v.decision <> 'approve') as is_flagged
from fraudline.verdicts v left join fraudline.transactions t
     on t.transaction_id = v.transaction_id and t.accepted_at = v.accepted_at
where v.transaction_id >= $1 and v.transaction_id < $2
"""
"""Every verdict of a run with the moment of its commit. The transaction's row tells it: that one is written once."""

SO_FAR: Final = "select last_position from fraudline.partitions where partition = 0"


@dataclass(frozen=True, slots=True)
class Subject:
    """A system under load.

    Attributes:
        name: What tables call it.
        host: Where it takes payments, by address.
        port: The same, by number.
        api_key: A key that may post.
        database_url: Where its verdicts are; the server tracks commit timestamps.
        processes: Who works for it, by group: the numbers of processes, their descendants are found. None of
            them may end before the last stretch does.
        admin_urls: Where its processes show their metrics, by name.
        stored: A query that gives the rows of a run, between two ids: its payments' numbers, when each was accepted and
            committed, and whether it was flagged.
        so_far: A query that gives a number which grows by one with every stored payment.
    """

    name: str
    host: str
    port: int
    api_key: str
    database_url: str
    processes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    admin_urls: Mapping[str, str] = field(default_factory=dict)
    stored: str = STORED
    so_far: str = SO_FAR
