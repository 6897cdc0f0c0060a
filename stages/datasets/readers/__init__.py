r"""What the rows of each source file mean.

A reader turns one row into `{"problem", "answer"}` and, where the source has them, `"id"` (an integer, or a string that
is taken as it is), `"level"`, the keys of a code problem, IF-Eval's instructions, and

- `"mended"`: what the reader repaired;
- `"released"`: the text as it stands in the file, where `problem` is only a part of it;
- `"asks_itself"`: whether `released` already says how to answer, so that no prompt template belongs around it;
- `"not_used"`: why the row belongs to no set, where its file holds several splits.

It raises one of MALFORMED for a row that is not what it should be.
"""

import math
from collections.abc import Callable

from stages.common.files import InputError
from stages.datasets.cleaning import Cleaned, Row, clean
from stages.datasets.fetch import Fetched
from stages.datasets.readers import code, evalplus, evaluation, training
from stages.datasets.sources import Source
from stages.datasets.storage import stored_rows

MALFORMED = (KeyError, IndexError, TypeError, ValueError, AttributeError, SyntaxError)
READERS: dict[str, Callable[[Row], Row]] = {
    reader.__name__: reader
    for reader in (
        training.dapo,
        training.dapo_hub,
        training.steer_training,
        training.math,
        training.gsm8k,
        evaluation.math500,
        evaluation.aime24,
        evaluation.aime25,
        evaluation.amc,
        evaluation.minerva,
        evaluation.olympiad,
        evaluation.ifeval,
        evaluation.steer_bare,
        evaluation.steer_wrapped,
        code.humaneval,
        code.mbpp,
        code.mbpp_sanitized,
        evalplus.humanevalplus,
        evalplus.mbppplus,
    )
}


def read_all(source: Source, fetched: Fetched) -> list[Row]:
    """One row of meaning for each row of the file; a torn row is an InputError with its number (from 1)."""
    reader = fetched.address.reader
    if reader not in READERS:
        raise InputError(f"source {source.name}: no reader {reader!r}; known are {', '.join(READERS)}")
    rows = []
    for number, item in enumerate(stored_rows(source.name, fetched), 1):
        try:
            row = READERS[reader](item)
            _check(row)
        except MALFORMED as error:
            raise InputError(
                f"source {source.name}: row {number} is torn or of another kind ({type(error).__name__}: {error}); "
                f"pin a whole file or another reader than {reader} in data/sources.yaml"
            )
        rows.append({"id": number - 1, **row})
    return rows


def read(source: Source, fetched: Fetched) -> Cleaned:
    """All usable problems of a source file, mended, each once, in its order."""
    return clean(read_all(source, fetched))


def _check(row: Row) -> None:
    for field in ("problem", "answer"):
        if not isinstance(row[field], str):
            raise TypeError(f"{field} is {type(row[field]).__name__}, not text")
    if not row["problem"].strip():
        raise ValueError("problem is empty")
    for field, value in row.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{field} is {value}, no number")
        if isinstance(value, str):
            value.encode("utf-8")  # UnicodeEncodeError, a ValueError, for half of a surrogate pair
