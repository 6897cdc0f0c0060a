"""Stage prepare: writes the problems to train and to evaluate on into `results/<profile>/data/`.

    [MIRROR=<folder>] python -m stages.prepare <profile>
    [MIRROR=<folder>] python -m stages.prepare --mirror <folder>    fills a mirror with all files of the source table
    [MIRROR=<folder>] python -m stages.prepare --audit [--write]    the table of all sources; --write: into docs/data.md

The laboratory's problems are generated from the suite seed; real ones come from the pinned files of
data/sources.yaml, out of the folder MIRROR (files named by their sha256) or from the network. Written are
`train/<dataset>.parquet` in verl's format, `eval/<benchmark>.jsonl`, `contamination.csv` (each training problem that
stands in an evaluation set), and `manifest.json`: for each set its source, its licence, and how many rows came in, were
mended, were dropped and why. Equal settings and seeds give equal bytes.
"""

import os
from pathlib import Path
from typing import Any

from stages.datasets import livecodebench
from stages.datasets.assembly import Dataset, evaluation_set, livecodebench_set, training_set
from stages.datasets.audit import DOCUMENT, audit
from stages.datasets.contamination import Index, Match, index_of, table_of
from stages.datasets.laboratory import LAB_BENCHMARKS, LAB_TRAINING, lab_benchmark, lab_training
from stages.datasets.mirror import make_mirror
from stages.datasets.sources import Source, load_sources
from stages.datasets.verl import verl_row, write_parquet
from stages.files import InputError, output_folder, read_json, sha256, write_json, write_jsonl, write_text
from stages.stage import run_stage

USAGE = "usage: python -m stages.prepare <profile> | --mirror <folder> | --audit [--write]"


def main(arguments: list[str]) -> None:
    mirror = Path(os.environ["MIRROR"]) if os.environ.get("MIRROR") else None
    match arguments:
        case ["--mirror", folder]:
            count = make_mirror(Path(folder), load_sources(), mirror)
            print(f"{folder} holds {count} files; use it with MIRROR={folder}")
        case ["--audit"]:
            print(audit(load_sources(), mirror), end="")
        case ["--audit", "--write"]:
            write_text(DOCUMENT, audit(load_sources(), mirror))
        case [profile] if not profile.startswith("-"):
            results = Path("results") / profile
            plan = read_json(results / "plan" / "prepare.json")
            prepare(plan["settings"], plan["suite_seed"], results / "data", mirror)
        case _:
            raise InputError(USAGE)


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
    benchmarks = {name: benchmark(name, settings, suite_seed, mirror, sources) for name in settings["benchmarks"]}
    training: dict[str, Dataset] = {}
    found: dict[str, list[Match]] = {}
    if LAB_TRAINING in settings["training"]:
        training[LAB_TRAINING] = lab_training(settings["lab"], suite_seed)
    if real := [name for name in settings["training"] if name != LAB_TRAINING]:
        index = evaluation_index(sources, mirror)
        for name in real:
            training[name], found[name] = training_set(sources[name], sources, mirror, settings["variant"], index)
    with output_folder(output) as folder:
        manifest = {}
        for name, dataset in training.items():
            path = f"train/{name}.parquet"
            rows = [verl_row(position, line, settings["prompt"]) for position, line in enumerate(dataset.lines)]
            write_parquet(folder / path, rows)
            prompt = "the file's own" if any("asks_itself" in line for line in dataset.lines) else settings["prompt"]
            manifest[path] = {**dataset.entry, "prompt": prompt, "sha256": sha256(folder / path)}
        for name, dataset in benchmarks.items():
            path = f"eval/{name}.jsonl"
            write_jsonl(folder / path, dataset.lines)
            manifest[path] = {**dataset.entry, "sha256": sha256(folder / path)}
        write_text(folder / "contamination.csv", table_of(found))
        write_json(folder / "manifest.json", manifest)


def check_names(settings: dict[str, Any], sources: dict[str, Source]) -> None:
    generated = {"training": [LAB_TRAINING], "benchmarks": [*LAB_BENCHMARKS, livecodebench.NAME]}
    for field, use in (("training", "training"), ("benchmarks", "evaluation")):
        known = [*generated[field], *(name for name, source in sources.items() if source.use == use)]
        for name in settings[field]:
            stored = settings.get("benchmark_sources", {}).get(name, name) if field == "benchmarks" else name
            if stored in sources and sources[stored].use != use:
                raise InputError(f"{field}: {name} is for {sources[stored].use}; known are {', '.join(known)}")
            if name not in generated[field] and stored not in known:
                raise InputError(f"{field}: {name!r} is no data set; known are {', '.join(known)}")


def benchmark(
    name: str, settings: dict[str, Any], suite_seed: int, mirror: Path | None, sources: dict[str, Source]
) -> Dataset:
    """`benchmark_sources` gives the source of a benchmark that is not called like it."""
    if name in LAB_BENCHMARKS:
        return lab_benchmark(name, settings["lab"], suite_seed)
    if name == livecodebench.NAME:
        return livecodebench_set(livecodebench.Settings(**settings["benchmark_settings"][name]), mirror)
    return evaluation_set(sources[settings.get("benchmark_sources", {}).get(name, name)], mirror)


def evaluation_index(sources: dict[str, Source], mirror: Path | None) -> Index:
    """Of every evaluation set of the table, whether this profile evaluates on it or not."""
    evaluation = [source for source in sources.values() if source.use == "evaluation"]
    return index_of({source.name: evaluation_set(source, mirror).lines for source in evaluation})


if __name__ == "__main__":
    run_stage(main)
