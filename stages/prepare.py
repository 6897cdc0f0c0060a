"""Stage prepare: writes the problems to train and to evaluate on into `results/<profile>/data/`.

    [MIRROR=<folder>] python -m stages.prepare <profile>

The laboratory's problems are generated from the suite seed; real ones come from the pinned files of
data/sources.yaml, out of the folder MIRROR (files named by their sha256) or from the network. Written are
`train/<dataset>.parquet` in verl's format, `eval/<benchmark>.jsonl`, and `manifest.json`: for each of them its source,
its licence, and how many rows came in, were mended, were dropped and why. Equal settings and seeds give equal bytes.
"""

import os
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow
import pyarrow.parquet

from stages.datasets import livecodebench
from stages.datasets.fetch import Source, fetch, load_sources
from stages.datasets.readers import read
from stages.evaluation import prompt_of
from stages.files import InputError, output_folder, read_json, sha256, write_json, write_jsonl
from stages.lab.problems import CODE_POINTS, FAMILIES, Problem, generate_set
from stages.stage import run_stage

LAB_TRAINING = "lab"
LAB_BENCHMARKS = {f"lab_{family}": family for family in FAMILIES}
LAB_LICENCE = "this project's own"
MESSAGE = pyarrow.struct({"role": pyarrow.string(), "content": pyarrow.string()})
# verl's columns (verl/utils/dataset/rl_dataset.py); the reward reads data_source and reward_model.
SCHEMA = pyarrow.schema(
    {
        "data_source": pyarrow.string(),
        "prompt": pyarrow.list_(MESSAGE),
        "ability": pyarrow.string(),
        "reward_model": pyarrow.struct({"style": pyarrow.string(), "ground_truth": pyarrow.string()}),
        "extra_info": pyarrow.struct(
            {
                "id": pyarrow.string(),
                "index": pyarrow.int64(),
                "split": pyarrow.string(),
                "level": pyarrow.int64(),
                "source": pyarrow.string(),
            }
        ),
    }
)


class Dataset(NamedTuple):
    """`lines` are evaluation lines: id, problem, answer, source, where known level, and a code problem's tests."""

    lines: list[dict[str, Any]]
    entry: dict[str, Any]  # of the manifest


def main(arguments: list[str]) -> None:
    (profile,) = arguments
    results = Path("results") / profile
    plan = read_json(results / "plan" / "prepare.json")
    mirror = Path(os.environ["MIRROR"]) if os.environ.get("MIRROR") else None
    prepare(plan["settings"], plan["suite_seed"], results / "data", mirror)


def prepare(
    settings: dict[str, Any],
    suite_seed: int,
    output: Path,
    mirror: Path | None = None,
    sources: dict[str, Source] | None = None,
) -> None:
    """Everything is read and checked before the first file is written; after an error `output` is as it was."""
    sources = load_sources() if sources is None else sources
    check_names(settings, sources)
    lab = settings["lab"]
    training = {
        name: lab_training(lab, suite_seed) if name == LAB_TRAINING else real(sources[name], mirror)
        for name in settings["training"]
    }
    benchmarks = {name: benchmark(name, settings, suite_seed, mirror, sources) for name in settings["benchmarks"]}
    for name, dataset in training.items():
        if any("tests" in line for line in dataset.lines):
            raise InputError(f"data.training: {name} is judged by running code, as training rewards are not; remove it")
    with output_folder(output) as folder:
        manifest = {}
        for name, dataset in training.items():
            path = f"train/{name}.parquet"
            rows = [verl_row(index, line, settings["prompt"]) for index, line in enumerate(dataset.lines)]
            write_parquet(folder / path, rows)
            manifest[path] = {**dataset.entry, "prompt": settings["prompt"], "sha256": sha256(folder / path)}
        for name, dataset in benchmarks.items():
            path = f"eval/{name}.jsonl"
            write_jsonl(folder / path, dataset.lines)
            manifest[path] = {**dataset.entry, "sha256": sha256(folder / path)}
        write_json(folder / "manifest.json", manifest)


def check_names(settings: dict[str, Any], sources: dict[str, Source]) -> None:
    for field, laboratory in (("training", [LAB_TRAINING]), ("benchmarks", list(LAB_BENCHMARKS))):
        known = [*laboratory, *sources]
        named = settings.get("benchmark_sources", {}) if field == "benchmarks" else {}
        for name in settings[field]:
            if name != livecodebench.NAME and name not in laboratory and named.get(name, name) not in sources:
                raise InputError(f"{field}: {name!r} is no data set; known are {', '.join(known)}")


def benchmark(
    name: str, settings: dict[str, Any], suite_seed: int, mirror: Path | None, sources: dict[str, Source]
) -> Dataset:
    """`benchmark_sources` gives the source of a benchmark that is not called like it."""
    if name in LAB_BENCHMARKS:
        return lab_benchmark(name, settings["lab"], suite_seed)
    if name == livecodebench.NAME:
        return livecodebench_release(livecodebench.Settings(**settings["benchmark_settings"][name]), mirror)
    return real(sources[settings.get("benchmark_sources", {}).get(name, name)], mirror)


def livecodebench_release(settings: livecodebench.Settings, mirror: Path | None) -> Dataset:
    release = livecodebench.load(settings, mirror)
    entry = {
        "rows_in": release.rows_in,
        "rows_out": len(release.lines),
        "dropped": release.dropped,
        "mended": {},
        "source": livecodebench.NAME,
        "source_sha256": {name: settings.sha256[name] for name in settings.files},
        "address": f"https://huggingface.co/datasets/{livecodebench.REPOSITORY} at {settings.revision}",
        "licence": "unverified: the hub's card was not seen",
        "redistribution": "unverified: problems are of LeetCode, AtCoder and Codeforces; fetch by checksum only",
    }
    return Dataset(release.lines, entry)


def real(source: Source, mirror: Path | None) -> Dataset:
    cleaned = read(source, fetch(source, mirror))
    lines = []
    for row in cleaned.rows:
        number = row["id"]
        identity = number if isinstance(number, str) else f"{source.name}-{number:04d}"
        more = {key: value for key, value in row.items() if key not in ("id", "problem", "answer", "mended")}
        fields = {"problem": row["problem"], "answer": row["answer"], "source": source.name}
        lines.append({"id": identity, **fields, **more})
    if len({line["id"] for line in lines}) < len(lines):
        raise InputError(f"source {source.name}: two problems share an id; correct its reader {source.reader}")
    entry = {
        "rows_in": cleaned.rows_in,
        "rows_out": len(lines),
        "dropped": cleaned.dropped,
        "mended": cleaned.mended,
        "source": source.name,
        "source_sha256": source.sha256,
        "address": source.address,
        "licence": source.licence,
        "redistribution": source.redistribution,
    }
    return Dataset(lines, entry)


def lab_training(lab: dict[str, Any], suite_seed: int) -> Dataset:
    return _generated("lab", f"{suite_seed}:train", tuple(lab["families"]), "train_per_level", lab, held_out=False)


def lab_benchmark(name: str, lab: dict[str, Any], suite_seed: int) -> Dataset:
    return _generated(name, f"{suite_seed}:{name}", (LAB_BENCHMARKS[name],), "test_per_level", lab, held_out=True)


def _generated(
    name: str, seed: str, families: tuple[str, ...], size: str, lab: dict[str, Any], held_out: bool
) -> Dataset:
    """`size` names the field of `lab` with the number of problems for each family and level."""
    try:
        problems = generate_set(seed, families, lab[size], held_out)
    except ValueError as error:
        raise InputError(f"data.lab.{size}: {error}; lower it")
    lines = [lab_line(f"{name}-{index:04d}", problem, tests=held_out) for index, problem in enumerate(problems)]
    entry = {
        "rows_in": len(lines),
        "rows_out": len(lines),
        "dropped": {},
        "mended": {},
        "source": "stages/lab/problems.py",
        "source_sha256": None,
        "address": f"generated from seed {seed}",
        "licence": LAB_LICENCE,
        "redistribution": "yes",
    }
    return Dataset(lines, entry)


def lab_line(identity: str, problem: Problem, tests: bool) -> dict[str, Any]:
    line = {
        "id": identity,
        "problem": problem.prompt,
        "answer": problem.answer,
        "source": "lab",
        "level": problem.level,
        "family": problem.family,
    }
    if tests and problem.family == "code":  # training compares the values instead (stages/rewards.py)
        pairs = zip(CODE_POINTS, problem.answer.split())
        line |= {"tests": "".join(f"assert solution({x}) == {y}\n" for x, y in pairs), "entry_point": "solution"}
    return line


def verl_row(index: int, line: dict[str, Any], template: str) -> dict[str, Any]:
    family = line.get("family")
    return {
        "data_source": f"lab_{family}" if family else line["source"],
        "prompt": [{"role": "user", "content": prompt_of(template, line["problem"])}],
        "ability": "code" if family == "code" else "math",
        "reward_model": {"style": "rule", "ground_truth": line["answer"]},
        "extra_info": {
            "id": line["id"],
            "index": index,
            "split": "train",
            "level": line.get("level"),
            "source": line["source"],
        },
    }


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pyarrow.Table.from_pylist(rows, schema=SCHEMA)
    pyarrow.parquet.write_table(table, path, version="2.6", compression="zstd", compression_level=3)


if __name__ == "__main__":
    run_stage(main)
