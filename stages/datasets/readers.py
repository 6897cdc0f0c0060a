r"""What the rows of each source file mean, and what is wrong with them.

A reader turns one row into `{"problem", "answer"}` and, where the source has them, `"id"` (an integer, or a string that
is taken as it is), `"level"`, the keys of a code problem, and `"mended"`, the reason if the reader repaired something.
It raises one of MALFORMED for a row that is not what it should be. `clean` then drops rows by rules that hold for all
sources. Every row that is dropped, or stays repaired, is counted under its reason.
"""

import gzip
import io
import json
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

import pyarrow
import pyarrow.parquet

from stages.boxes import last_box
from stages.datasets.fetch import Source
from stages.files import InputError

Row = dict[str, Any]
MALFORMED = (KeyError, IndexError, TypeError, ValueError, AttributeError)
# About twenty Chinese problems of DAPO-Math-17k still carry the prompt that their answers were collected with.
LEFTOVER_PROMPT = re.compile(
    r"\s*让我们一步一步地思考。请以“Answer: \\boxed\{<final_answer>\}”的格式输出最终答案。.*\Z", re.DOTALL
)
UNBRACED_BOX = re.compile(r"\\boxed\s+([^\s${}]+)\$")
BARE_NUMBER = re.compile(r"\$?(?:-?\d+|\\frac\{\d+\}\{\d+\})\$?")


class Cleaned(NamedTuple):
    rows: list[Row]
    rows_in: int
    dropped: dict[str, int]  # reason -> rows
    mended: dict[str, int]


def read(source: Source, content: bytes) -> Cleaned:
    """All usable problems of a source file, in its order; a torn row is an InputError with its number (from 1)."""
    if source.reader not in READERS:
        raise InputError(f"source {source.name}: no reader {source.reader!r}; known are {', '.join(READERS)}")
    raw = _rows(source, content)
    if len(raw) != source.rows:
        raise InputError(f"source {source.name}: {len(raw)} rows, not {source.rows}; correct data/sources.yaml")
    rows = []
    for number, item in enumerate(raw, 1):
        try:
            row = READERS[source.reader](item)
            _check(row)
        except MALFORMED as error:
            raise InputError(
                f"source {source.name}: row {number} is torn or of another kind ({type(error).__name__}: {error}); "
                f"pin a whole file or another reader than {source.reader} in data/sources.yaml"
            )
        rows.append({"id": number - 1, **row})
    return clean(rows)


def clean(rows: list[Row]) -> Cleaned:
    """Drops what cannot be trained on or judged, and all but the first copy of a problem.

    Two problems are one if their texts agree but for whitespace and case. A coarser comparison (letters, digits only)
    would merge different problems: x^k with k > 0 and with k < 0. Of a problem with conflicting answers no copy stays,
    since nothing says which answer is right.
    """
    answers: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row["answer"]:
            answers[_key(row)].add(_spelling(row["answer"]))
    kept: list[Row] = []
    seen: set[str] = set()
    dropped: Counter[str] = Counter()
    for row in rows:
        key = _key(row)
        if not row["answer"]:
            dropped["empty gold"] += 1
        elif BARE_NUMBER.fullmatch(row["problem"]):
            dropped["no question"] += 1
        elif len(answers[key]) > 1:
            dropped["conflicting golds"] += 1
        elif key in seen:
            dropped["duplicate"] += 1
        else:
            seen.add(key)
            kept.append(row)
    mended = Counter(row["mended"] for row in kept if "mended" in row)
    return Cleaned(kept, len(rows), dict(dropped), dict(mended))


def _key(row: Row) -> str:
    return "".join(row["problem"].split()).lower()


def _spelling(answer: str) -> str:
    r"""One spelling for `\frac13`, `\dfrac{1}{3}` and spaces, so that they are no conflict; for comparison only."""
    text = re.sub(r"\\[dt]frac", r"\\frac", "".join(answer.split()))
    return re.sub(r"\\frac(\d)(\d)", r"\\frac{\1}{\2}", text)


def _check(row: Row) -> None:
    for field in ("problem", "answer"):
        if not isinstance(row[field], str):
            raise TypeError(f"{field} is {type(row[field]).__name__}, not text")
    if not row["problem"]:
        raise ValueError("problem is empty")


def _rows(source: Source, content: bytes) -> list[Any]:
    """The rows of a file as it is stored; its path's suffix says how."""
    try:
        if source.path.endswith(".parquet"):
            return pyarrow.parquet.read_table(io.BytesIO(content)).to_pylist()
        if source.path.endswith(".gz"):
            content = gzip.decompress(content)
        text = content.decode("utf-8")
    except (pyarrow.ArrowException, EOFError, gzip.BadGzipFile, zlib.error, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"source {source.name}: the file is torn ({reason}); pin a whole one in data/sources.yaml")
    # A JSON text may hold the line separators U+2028 and U+0085, so the lines are not those of splitlines().
    lines = [text] if source.path.endswith(".json") else text.removesuffix("\n").split("\n")
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise InputError(
                f"source {source.name}: row {number} is torn ({error.msg}); pin a whole file in data/sources.yaml"
            )
    return rows[0] if source.path.endswith(".json") else rows


def dapo(row: Row) -> Row:
    problem = row["prompt"][0]["content"]
    question = LEFTOVER_PROMPT.sub("", problem)
    mended = {} if question == problem else {"mended": "leftover prompt"}
    return {"problem": question, "answer": row["reward_model"]["ground_truth"].strip(), **mended}


def math(row: Row) -> Row:
    r"""The answer is the last `\boxed{}` of the solution: the column `target` lost spaces and whole commands."""
    gold = row["reward_model"]["ground_truth"]
    read = {"problem": row["prompt"][0]["content"], "answer": last_box(gold["solution"]) or ""}
    if not read["answer"] and (unbraced := UNBRACED_BOX.findall(gold["solution"])):
        read |= {"answer": unbraced[-1], "mended": "box without braces"}
    level = row["level"].removeprefix("Level ")
    return read | ({"mended": "level unknown"} if level == "?" else {"level": int(level)})


def math500(row: Row) -> Row:
    return {"id": row["unique_id"], "problem": row["problem"], "answer": row["answer"].strip(), "level": row["level"]}


def aime24(row: Row) -> Row:
    information = row["extra_info"]
    answer = row["reward_model"]["ground_truth"]
    return {"id": information["index"], "problem": information["raw_problem"], **_aime(answer)}


def aime25(row: Row) -> Row:
    return {"problem": row["problem"], **_aime(row["answer"])}


def _aime(answer: str) -> Row:
    r"""An answer of the AIME is a whole number from 0 to 999; copies write `033` and `336^\circ`."""
    number = str(int(answer.removesuffix("^\\circ")))
    return {"answer": number} if number == answer else {"answer": number, "mended": "gold not a plain integer"}


def amc(row: Row) -> Row:
    """Answers are stored as floats, `27.0`."""
    answer = row["answer"]
    if not isinstance(answer, float) or answer != int(answer):
        raise ValueError(f"answer {answer!r} is no whole number stored as a float")
    identity = {"id": row["id"]} if "id" in row else {}
    return {**identity, "problem": row["problem"], "answer": str(int(answer)), "mended": "gold written as a float"}


def minerva(row: Row) -> Row:
    return {"id": row["idx"], "problem": row["problem"], "answer": last_box(row["solution"]) or ""}


def olympiad(row: Row) -> Row:
    (answer,) = row["final_answer"]
    return {"id": row["id"], "problem": row["question"], "answer": answer.strip()}


def gsm8k(row: Row) -> Row:
    _, answer = row["answer"].split("####")
    return {"problem": row["question"], "answer": answer.strip().replace(",", "")}


def humaneval(row: Row) -> Row:
    """`tests` are the source's function `check` and its call."""
    name = row["entry_point"]
    code = {"prompt": row["prompt"], "tests": f"{row['test'].strip()}\n\ncheck({name})\n", "entry_point": name}
    return {"id": row["task_id"], "problem": row["prompt"], "answer": row["canonical_solution"], **code}


READERS: dict[str, Callable[[Row], Row]] = {
    reader.__name__: reader
    for reader in (dapo, math, math500, aime24, aime25, amc, minerva, olympiad, gsm8k, humaneval)
}
