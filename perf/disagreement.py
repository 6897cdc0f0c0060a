r"""What graders of short answers say of the same replies, here and at another commit, where it is known what is right.

    MIRROR=FOLDER .venv/train/bin/python -m perf.disagreement [--commit 662e607] [--write]

From each benchmark's golds a sample is drawn. Each gold makes two replies that are right, since they say the gold in two
usual ways (`WRITINGS`), and one that is wrong, since it says the gold with one digit, sign, name or bracket changed
(stages/answers/golds.py). The graders run in the evaluation environment, those of the commit from a copy of its files.
`--write` puts the tables into docs/answers.md.
"""

import io
import json
import random
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from perf.pages import write_part
from stages.answers.golds import kind, mutations
from stages.common.command import run_stage
from stages.common.options import Options
from stages.datasets.fetch import fetch, load_sources, mirror_folder
from stages.datasets.readers import read

PAGE = Path("docs/answers.md")
PYTHON = ".venv/eval/bin/python"
BENCHMARKS = ["aime24", "amc_83", "gsm8k_test", "math500", "minerva_math", "olympiadbench_675"]
GOLDS = 140  # of each benchmark, fewer where it has fewer
GRADERS = ["math_verify", "math_dapo", "steer_box"]
# Where GRADERS stands: here, and at a commit that has no such module.
ASK = """
import json, sys
try:
    from stages.graders.registry import GRADERS
except ModuleNotFoundError:
    from stages.graders import GRADERS
pairs = [({"answer": gold}, text) for gold, text in json.load(sys.stdin)]
json.dump({name: [grade.correct for grade in GRADERS[name].grade(pairs)] for name in sys.argv[1:]}, sys.stdout)
"""


class Reply(NamedTuple):
    gold: str
    text: str
    right: bool


def plain(gold: str) -> str:
    """Without the dollars around it, and those that a gold has between two formulas of one."""
    inner = gold.strip().removeprefix("$").removesuffix("$").replace("$ $", " ")
    return inner if "$" not in inner else gold


# (what the gold has to be, the reply's end): the usual writings
WRITINGS: dict[str, tuple[Callable[[str], bool], Callable[[str], str]]] = {
    "boxed": (lambda _: True, lambda gold: f"So the answer is $\\boxed{{{plain(gold)}}}$."),
    "a full stop in the box": (lambda _: True, lambda gold: f"Hence \\boxed{{{plain(gold)}.}}"),
    "dollars in the box": (lambda _: True, lambda gold: f"Hence \\boxed{{${plain(gold)}$}}."),
    "Answer:": (lambda _: True, lambda gold: f"So we are done.\n\nAnswer: ${plain(gold)}$"),
    "Answer: and a box": (lambda _: True, lambda gold: f"So we are done.\n\nAnswer: $\\boxed{{{plain(gold)}}}$"),
    "words after the box": (
        lambda _: True,
        lambda gold: f"Hence \\boxed{{{plain(gold)}}}. To check, we put this value back into the statement of the problem and "
        "find that each condition holds, as it has to.",
    ),
    "a name before it": (lambda gold: kind(gold) == "number", lambda gold: f"\\boxed{{x = {plain(gold)}}}"),
    "a unit": (lambda gold: kind(gold) == "number", lambda gold: f"\\boxed{{{plain(gold)}\\text{{ cm}}}}"),
    "bold": (lambda gold: kind(gold) == "number", lambda gold: f"\\boxed{{\\mathbf{{{plain(gold)}}}}}"),
    "\\dfrac": (lambda gold: "\\frac" in gold, lambda gold: f"\\boxed{{{plain(gold).replace(chr(92) + 'frac', chr(92) + 'dfrac')}}}"),
    "\\left and \\right": (
        lambda gold: bool(re.fullmatch(r"\([^()]*,[^()]*\)", plain(gold))),
        lambda gold: f"\\boxed{{\\left{plain(gold)[:-1]}\\right)}}",
    ),
    "thousands": (
        lambda gold: bool(re.fullmatch(r"\d{4,}", gold)),
        lambda gold: f"\\boxed{{{int(gold):,}}}",
    ),
}  # fmt: skip


def main(arguments: list[str]) -> None:
    parser = Options("perf.disagreement", __doc__)
    parser.add_argument("--commit", default="662e607", help="to compare with")
    parser.add_argument("--write", action="store_true", help=f"the tables into {PAGE}")
    options = parser.parse_args(arguments)
    found = {name: drawn(name) for name in BENCHMARKS}
    replies = [reply for of_one in found.values() for reply in of_one]
    there, here = graded_at(options.commit, replies), graded(Path.cwd(), replies)
    text = tables(found, there, here, options.commit)
    print(text)
    if options.write:
        write_part(PAGE, "disagreement", text)


def drawn(name: str) -> list[Reply]:
    """The same every time."""
    source = load_sources()[name]
    golds = [row["answer"] for row in read(source, fetch(source, mirror_folder())).rows]
    draw = random.Random(name)
    found = []
    for gold in draw.sample(golds, min(GOLDS, len(golds))):
        possible = [write for applies, write in WRITINGS.values() if applies(gold)]
        found += [Reply(gold, write(gold), True) for write in draw.sample(possible, 2)]
        if made := mutations(gold):
            changed = draw.choice(made)
            write = draw.choice([write for applies, write in WRITINGS.values() if applies(changed)])
            found.append(Reply(gold, write(changed), False))
    return found


def graded(folder: Path, replies: list[Reply]) -> dict[str, list[bool]]:
    """Grader -> whether it takes each reply for right, by the code in `folder`."""
    asked = json.dumps([(reply.gold, reply.text) for reply in replies])
    command = [str(Path(PYTHON).absolute()), "-c", ASK, *GRADERS]
    said = subprocess.run(command, input=asked, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(said.stdout)


def graded_at(commit: str, replies: list[Reply]) -> dict[str, list[bool]]:
    files = subprocess.run(["git", "archive", commit, "stages"], stdout=subprocess.PIPE, check=True).stdout
    with tempfile.TemporaryDirectory() as folder, tarfile.open(fileobj=io.BytesIO(files)) as archive:
        archive.extractall(folder, filter="data")
        return graded(Path(folder), replies)


def tables(
    found: dict[str, list[Reply]], there: dict[str, list[bool]], here: dict[str, list[bool]], commit: str
) -> str:
    replies = [reply for of_one in found.values() for reply in of_one]
    right = [reply.right for reply in replies]
    sides = {commit: there, "here": here}
    text = f"{len(replies):,} replies, of which {sum(right):,} are right: " + ", ".join(
        f"{name} {len(of_one):,}" for name, of_one in found.items()
    )
    text += f".\n\n| grader | refuses right ones, {commit} | here | accepts wrong ones, {commit} | here |\n|---|---|---|---|---|\n"
    for name in GRADERS:
        refused = [
            sum(known and not said for known, said in zip(right, side[name], strict=True)) for side in sides.values()
        ]
        accepted = [
            sum(said and not known for known, said in zip(right, side[name], strict=True)) for side in sides.values()
        ]
        text += f"| {name} | {refused[0]:,} | {refused[1]:,} | {accepted[0]:,} | {accepted[1]:,} |\n"
    text += f"\n| graders | disagree, {commit} | here |\n|---|---|---|\n"
    for pair in combinations(GRADERS, 2):
        apart = [sum(a != b for a, b in zip(side[pair[0]], side[pair[1]], strict=True)) for side in sides.values()]
        text += f"| {' and '.join(pair)} | {share(apart[0], replies)} | {share(apart[1], replies)} |\n"
    text += "\n| benchmark | replies | math_verify changes to right | to wrong |\n|---|---|---|---|\n"
    start = 0
    for name, of_one in found.items():
        part = slice(start, start + len(of_one))
        changes = list(zip(there["math_verify"][part], here["math_verify"][part], strict=True))
        text += f"| {name} | {len(of_one):,} | {changes.count((False, True)):,} | {changes.count((True, False)):,} |\n"
        start += len(of_one)
    return text


def share(count: int, replies: list[Reply]) -> str:
    return f"{count:,} ({count / len(replies):.1%})"


if __name__ == "__main__":
    run_stage(main)
