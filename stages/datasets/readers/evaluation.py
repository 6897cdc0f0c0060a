r"""Readers of evaluation sets with short answers, and of IF-Eval; the package says what they return."""

import re

from stages.datasets.cleaning import Row
from stages.datasets.readers.training import DAPO_PROMPT, unwrap
from stages.text.boxed import last_boxed_answer


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
    written = re.fullmatch(r"([0-9]{1,3})(?:\^\\circ)?", answer)
    if not written:
        raise ValueError(f"AIME gold {answer!r} is no whole number from 0 to 999")
    number = str(int(written[1]))
    return {"answer": number} if number == answer else {"answer": number, "mended": "gold not a plain integer"}


def amc(row: Row) -> Row:
    """Answers are stored as floats, `27.0`."""
    answer = row["answer"]
    if not isinstance(answer, float) or not answer.is_integer():
        raise ValueError(f"answer {answer!r} is no whole number stored as a float")
    identity = {"id": row["id"]} if "id" in row else {}
    return {**identity, "problem": row["problem"], "answer": str(int(answer)), "mended": "gold written as a float"}


def minerva(row: Row) -> Row:
    return {"id": row["idx"], "problem": row["problem"], "answer": last_boxed_answer(row["solution"]) or ""}


def olympiad(row: Row) -> Row:
    (answer,) = row["final_answer"]
    return {"id": row["id"], "problem": row["question"], "answer": answer.strip()}


def steer_bare(row: Row) -> Row:
    """STEER's evaluation files of problems without a prompt."""
    answer = row["reward_model"]["ground_truth"].strip()
    return {"id": row["extra_info"]["index"], "problem": row["prompt"][0]["content"], "answer": answer}


def steer_wrapped(row: Row) -> Row:
    """STEER's AIME and AMC files; their column raw_problem begins in the middle of the prompt."""
    return {**steer_bare(row), "problem": unwrap(row["prompt"][0]["content"], DAPO_PROMPT)}


def ifeval(row: Row) -> Row:
    """A line has `instructions`, each with its name and arguments. What is called its answer are their names."""
    names, arguments = row["instruction_id_list"], row["kwargs"]
    instructions = [
        {"name": name, "arguments": {key: value for key, value in given.items() if value is not None}}
        for name, given in zip(names, arguments, strict=True)
    ]
    return {
        "id": f"IFEval/{row['key']}",
        "problem": row["prompt"],
        "answer": ", ".join(names),
        "instructions": instructions,
    }
