"""Files of verdicts: what `fraudline backtest` writes and `fraudline evaluate` reads, as Parquet, CSV or NDJSON.

The columns are `transaction_id`, `score` (the calibrated probability; empty where the model gave none) and `decision`
(approve, review or decline). Other columns are not looked at.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fraudline.domain.policy import Decision
from fraudline.models.errors import FileRefused
from fraudline.models.evaluation.scored import DECISIONS
from fraudline.models.histories.files import check_format
from fraudline.models.histories.refusal import refuse_where
from fraudline.models.histories.values import as_ids, as_numbers, as_text
from fraudline.models.histories.whole_file import whole

COLUMNS: Final = ("transaction_id", "score", "decision")


def verdict_frame(
    transaction_ids: pl.Series, scores: NDArray[np.float64], decisions: Sequence[Decision]
) -> pl.DataFrame:
    """Return verdicts as a frame with the columns of the file; the score is null where it is not finite."""
    score = pl.Series(np.where(np.isfinite(scores), scores, np.nan), dtype=pl.Float64)
    return pl.DataFrame(
        {
            "transaction_id": transaction_ids.cast(pl.String),
            "score": score.fill_nan(None),
            "decision": pl.Series(decisions, dtype=pl.String),
        }
    )


def write_verdicts(verdicts: pl.DataFrame, file: Path) -> None:
    """Write verdicts in the format that the file's suffix names; the file appears whole or not at all."""
    check_format(file)
    with whole(file) as partial:
        match file.suffix.lower():
            case ".parquet":
                verdicts.write_parquet(partial)
            case ".csv":
                verdicts.write_csv(partial)
            case _:
                verdicts.write_ndjson(partial)


def read_verdicts(file: Path) -> pl.DataFrame:
    """Read a file of verdicts; raise `FileRefused` with the first thing that is wrong with it."""
    frame = _read(file)
    missing = [f"`{name}`" for name in COLUMNS if name not in frame.columns]
    if missing:
        raise FileRefused(
            file, f"has no column {', '.join(missing)}; give a file of verdicts as `fraudline backtest` writes it."
        )
    if frame.is_empty():
        raise FileRefused(file, "holds no verdict; check which file was meant.")
    identifier = as_ids(file, frame["transaction_id"])
    refuse_where(file, identifier.is_null(), "`transaction_id` is empty", "fill it in or drop the row")
    if identifier.n_unique() < len(identifier):
        refuse_where(
            file, identifier.is_duplicated(), "`transaction_id` stands in more than one row, first",
            "keep one verdict for each transaction", shown=identifier,
        )  # fmt: skip
    return pl.DataFrame([identifier, _scores(file, frame["score"]), _decisions(file, frame["decision"])])


def decision_codes(verdicts: pl.DataFrame) -> NDArray[np.uint8]:
    """Return the index into `scored.DECISIONS` of each verdict's decision."""
    codes = {decision.value: code for code, decision in enumerate(DECISIONS)}
    found: NDArray[np.uint8] = verdicts["decision"].replace_strict(codes, return_dtype=pl.UInt8).to_numpy()
    return found


def _read(file: Path) -> pl.DataFrame:
    if not file.is_file():
        raise FileRefused(file, "does not exist or is no file; check the path.")
    check_format(file)
    try:
        match file.suffix.lower():
            case ".parquet":
                return pl.read_parquet(file)
            case ".csv":
                # As text: an id of digits keeps its zeros.
                return pl.read_csv(file, infer_schema=False)
            case _:
                return pl.read_ndjson(file, infer_schema_length=None)
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).strip().split("\n", maxsplit=1)[0].rstrip(".")
        raise FileRefused(
            file, f"cannot be read as {file.suffix.lower().removeprefix('.')} ({reason}); check that it is whole."
        ) from error


def _scores(file: Path, column: pl.Series) -> pl.Series:
    scores = as_numbers(file, column)
    refuse_where(
        file, column.is_not_null() & scores.is_null(), "`score` is no number", "write it like 0.0312", shown=column
    )
    bad = scores.is_not_nan() & ((scores < 0) | (scores > 1))
    refuse_where(
        file, bad.fill_null(value=False), "`score` is no probability from 0 to 1", "write calibrated ones", shown=column
    )
    return scores.fill_nan(None)


def _decisions(file: Path, column: pl.Series) -> pl.Series:
    decisions = as_text(file, column)
    bad = ~decisions.is_in([decision.value for decision in DECISIONS]).fill_null(value=False)
    refuse_where(file, bad, "`decision` is none of approve, review and decline", "correct it", shown=column)
    return decisions
