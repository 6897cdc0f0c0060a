"""Two reports side by side: `python -m stages.report --compare A B`.

A and B are each a profile with a report in `results/`, or a commit (any git revision), whose report DVC has in its cache
or remote; `<revision>:<profile>` names the profile where it is not that commit's params.yaml's. Read are the tables as
tracked, nothing is computed again, and no verdict is drawn: two sets of seeds are not paired.
Printed, and written to `results/comparisons/<A>..<B>.md` and `.html`.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
from dvc.api import DVCFileSystem
from dvc.exceptions import DvcException
from dvc.scm import RevError
from dvc_data.index import DataIndexDirError

from stages.common.files import InputError, write_text
from stages.common.yaml_reader import safe_load
from stages.reporting.render.markdown import render_markdown
from stages.reporting.render.page import render_tables
from stages.reporting.sections.blocks import Group, Section, Table, Text
from stages.reporting.sections.numbers import MISSING, interval, number, signed

FILES = ("metrics.json", "tables/settings.csv", "tables/scores_by_method.csv")
ENDS = {"entropy_first": 3, "entropy_last": 3, "reward_first": 2, "reward_last": 2}  # decimals


@dataclass(frozen=True)
class Side:
    """One report: its name as given, `metrics.json`, and its settings (name -> value) and scores."""

    name: str
    metrics: dict[str, Any]
    settings: dict[str, str]
    scores: pd.DataFrame


def main(results: Path, first: str, second: str) -> None:
    sides = read(results, first), read(results, second)
    title = f"{first} and {second}"
    summary = "Two reports side by side, as tracked. Differences are the second less the first; no verdict is drawn."
    sections = side_by_side(*sides)
    text = render_markdown(title, summary, sections)
    stem = results / "comparisons" / f"{first}..{second}".replace("/", "-").replace(":", "-")
    write_text(stem.with_name(f"{stem.name}.md"), text)
    write_text(stem.with_name(f"{stem.name}.html"), render_tables(title, summary, sections))
    print(text)
    print(f"written to {stem}.md and {stem}.html")


def read(results: Path, name: str) -> Side:
    """InputError when `name` is neither a profile with a report nor a commit with one."""
    folder = results / name / "report"
    if folder.is_dir():
        return _side(name, lambda file: (folder / file).read_text(encoding="utf-8"))
    revision, _, profile = name.partition(":")
    try:
        files = DVCFileSystem(".", rev=revision)
        profile = profile or safe_load(files.read_text("params.yaml"))["profile"]
        return _side(name, lambda file: files.read_text(f"{results.as_posix()}/{profile}/report/{file}"))
    except RevError:
        raise InputError(f"--compare {name}: give a profile with a report in {results}/, or a commit")
    except (OSError, DvcException, DataIndexDirError):
        raise InputError(
            f"--compare {name}: that commit's report on {profile} is not in DVC's cache: `dvc fetch` brings it"
            " from a remote, `dvc repro` at that commit makes it"
        )


def _side(name: str, read_file: Callable[[str], str]) -> Side:
    metrics, settings, scores = map(read_file, FILES)
    settings_table = pd.read_csv(StringIO(settings), dtype=str, keep_default_na=False)
    pairs = dict(zip(settings_table["setting"], settings_table["value"], strict=True))
    return Side(name, json.loads(metrics), pairs, pd.read_csv(StringIO(scores)))


def side_by_side(a: Side, b: Side) -> list[Section]:
    """Settings, scores and training. What differs in the settings comes first: it decides what the other differences mean.
    Pure.
    """
    names = list(dict.fromkeys([*a.settings, *b.settings]))
    differing = [name for name in names if a.settings.get(name) != b.settings.get(name)]
    rows = [[name, a.settings.get(name, MISSING), b.settings.get(name, MISSING)] for name in differing]
    settings = Table(
        "settings", "Settings and versions that differ", ["setting", a.name, b.name], [("", rows)], words=3
    )
    same = Text("All settings and recorded versions are the same.")
    return [
        Section("settings", "What differs", [settings] if rows else [same]),
        Section("scores", "Scores", [_scores(a, b)]),
        Section("training", "Entropy and reward", [_training(a, b)]),
    ]


def _scores(a: Side, b: Side) -> Table:
    identity = ["benchmark", "metric", "k", "method"]
    sides = [side.scores.set_index(identity) for side in (a, b)]
    largest = pd.concat([side.scores for side in (a, b)]).groupby("benchmark")["k"].max()
    groups: dict[str, list[list[str]]] = {}
    for key in dict.fromkeys([*sides[0].index, *sides[1].index]):
        benchmark, metric, k, method = key
        if metric == "pass" and k not in (1, largest[benchmark]):
            continue
        found = [side.loc[key] if key in side.index else None for side in sides]
        cells = [MISSING if row is None else interval(row) for row in found]
        first, second = (None if row is None else row["value"] for row in found)
        change = MISSING if first is None or second is None else signed(100 * (second - first), 1)
        kinds = " / ".join(dict.fromkeys(row["interval"] for row in found if row is not None))
        groups.setdefault(f"{benchmark}, {metric}@{k}", []).append([method, kinds, *cells, change])
    header = ["model", "interval", f"{a.name}, %", f"{b.name}, %", "difference"]
    caption = "avg@k and pass@k with their 95 % intervals, and of which kind these are"
    return Table("scores", caption, header, list(groups.items()), words=2)


def _training(a: Side, b: Side) -> Table:
    groups: list[Group] = []
    for end, digits in ENDS.items():
        rows = []
        for run in dict.fromkeys([*a.metrics, *b.metrics]):
            found = [side.metrics.get(run, {}).get(end) for side in (a, b)]
            if found != [None, None]:
                change = MISSING if None in found else signed(found[1] - found[0], digits)
                rows.append([run, *(number(value, digits) for value in found), change])
        groups.append((end.replace("_", ", ") + " step", rows))
    caption = "Each run's first and last training step; entropy in nats a token"
    return Table("training", caption, ["run", a.name, b.name, "difference"], groups)
