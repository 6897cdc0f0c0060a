"""Stage prepare: writes the problems to train and to evaluate on into `results/<profile>/data/`.

    [MIRROR=<folder>] python -m stages.prepare <profile>
    [MIRROR=<folder>] python -m stages.prepare --mirror <folder>    fills a mirror with all files of the source table
    [MIRROR=<folder>] python -m stages.prepare --audit [--write]    the table of all sources; --write: into docs/data.md
    [MIRROR=<folder>] python -m stages.prepare --audit <profile>    that of the profile's own files, data.own

The laboratory's problems are generated from the bench seed; real ones come from the pinned files of
data/sources.yaml, out of the folder MIRROR (files named by their sha256) or from the network. Written are
`train/<dataset>.parquet` in verl's format, `eval/<benchmark>.jsonl`, `eval/files/` (files that graders read, below the
paths that they have in their repositories), `contamination.csv` (each training problem that
stands in an evaluation set), and `manifest.json`: for each set its source, its licence, and how many rows came in, were
mended, were dropped and why, and of what kinds its golds are: each is checked (stages/answers/golds.py). Prompts of benchmarks
are counted by the base model's tokenizer: a benchmark that its context has no room for is refused. Equal settings and seeds
give equal bytes.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from stages.answers.golds import kinds_of
from stages.artifacts.manifest import Entry, Manifest, check_data, to_json
from stages.common.command import run_stage
from stages.common.files import InputError, output_folder, sha256, write_bytes, write_json, write_jsonl, write_text
from stages.datasets import livecodebench
from stages.datasets.assembly import Dataset, evaluation_set, livecodebench_set, training_set
from stages.datasets.cleaning import Row
from stages.datasets.contamination import Index, Match, index_of, table_of
from stages.datasets.fetch import fetch, mirror_folder
from stages.datasets.laboratory import LAB_BENCHMARKS, LAB_TRAINING, lab_benchmark, lab_training
from stages.datasets.own import own_benchmark, own_training
from stages.datasets.sources import Address, Source, load_sources
from stages.datasets.verl import verl_row, write_parquet
from stages.profile.plans.prepare import PreparePlan
from stages.profile.sections.lab import Lab
from stages.sampling.lengths import check_context, check_prompts, counter

USAGE = "usage: python -m stages.prepare <profile> | --mirror <folder> | --audit [--write | <profile>]"


def main(arguments: list[str]) -> None:
    mirror = mirror_folder()
    match arguments:  # mirror and audit are used by hand, and no result of the stage depends on them
        case ["--mirror", folder]:
            from stages.datasets.mirror import make_mirror

            count = make_mirror(Path(folder), load_sources(), mirror)
            print(f"{folder} holds {count} files; use it with MIRROR={folder}")
        case ["--audit"]:
            from stages.datasets.audit import audit

            print(audit(load_sources(), mirror), end="")
        case ["--audit", "--write"]:
            from stages.datasets.audit import DOCUMENT, audit

            write_text(DOCUMENT, audit(load_sources(), mirror))
        case ["--audit", profile] if not profile.startswith("-"):
            from stages.datasets.audit import OwnFile, audit_own

            plan = PreparePlan.read(Path("results") / profile / "plan" / "prepare.json")
            if not plan.own:
                raise InputError(f"data.own: profile {profile} has no file of its own to audit; leave {profile} out")
            own = {n: OwnFile(o.file, o.sha256, "evaluation" if o.k else "training") for n, o in plan.own.items()}
            print(audit_own(own, plan.training, load_sources(), mirror), end="")
        case [profile] if not profile.startswith("-"):
            results = Path("results") / profile
            plan = PreparePlan.read(results / "plan" / "prepare.json")
            prepare(plan, results / "data", mirror, model=results / "model")
        case _:
            raise InputError(USAGE)


def prepare(
    plan: PreparePlan,
    output: Path,
    mirror: Path | None = None,
    sources: dict[str, Source] | None = None,
    model: Path | None = None,
) -> None:
    """Everything is read and checked before the first file is written; after an error `output` is as it was.

    `model` is the base model's folder, by whose tokenizer prompts are counted; without it they are not.
    """
    sources = load_sources() if sources is None else sources
    check_names(plan, sources)
    benchmarks = {name: benchmark(name, plan, mirror, sources) for name in plan.benchmarks}
    if model:
        check_fit(plan, benchmarks, model)
    golds = {name: kinds_of_golds(name, dataset) for name, dataset in benchmarks.items()}
    grader_files = {name: fetch(sources[name], mirror) for name in plan.grader_files}
    training: dict[str, Dataset] = {}
    found: dict[str, list[Match]] = {}
    if LAB_TRAINING in plan.training:
        training[LAB_TRAINING], found[LAB_TRAINING] = lab_set(plan)
    evaluated = {name: dataset.lines for name, dataset in benchmarks.items()}
    for name in (name for name in plan.training if name in plan.own):
        one = plan.own[name]
        index = index_of(evaluated)
        training[name], found[name] = own_training(name, one.file, one.sha256, one.licence, plan.variant, index)
    if real := [name for name in plan.training if name != LAB_TRAINING and name not in plan.own]:
        index = evaluation_index(sources, mirror, {name: evaluated[name] for name in plan.own if name in evaluated})
        for name in real:
            training[name], found[name] = training_set(sources[name], sources, mirror, plan.variant, index)
    for name, dataset in {**training, **benchmarks}.items():
        if not dataset.lines:
            raise InputError(
                f"{name} has no problem left to {'train' if name in training else 'evaluate'} on; leave it out"
            )
    with output_folder(output, check_data) as folder:
        manifest: Manifest = {}
        if not training:  # stages depend on the folder, which DVC keeps only with a file in it
            write_text(folder / "train" / "none", "this profile trains on nothing\n")
        for name, dataset in training.items():
            path = f"train/{name}.parquet"
            rows = [verl_row(position, line, plan.prompt) for position, line in enumerate(dataset.lines)]
            write_parquet(folder / path, rows)
            prompt = "the file's own" if any("asks_itself" in line for line in dataset.lines) else plan.prompt
            manifest[path] = dataset.entry.model_copy(update={"prompt": prompt, "sha256": sha256(folder / path)})
        for name, dataset in benchmarks.items():
            path = f"eval/{name}.jsonl"
            write_jsonl(folder / path, dataset.lines)
            update = {"golds": golds[name], "sha256": sha256(folder / path)}
            manifest[path] = dataset.entry.model_copy(update=update)
        for name, (address, content) in grader_files.items():
            path = f"eval/files/{address.path}"
            write_bytes(folder / path, content)
            manifest[path] = entry_of_file(sources[name], address)
        write_text(folder / "contamination.csv", table_of(found))
        write_json(folder / "manifest.json", to_json(manifest))


def check_names(plan: PreparePlan, sources: dict[str, Source]) -> None:
    generated = {"training": [LAB_TRAINING, *plan.own], "benchmarks": [*LAB_BENCHMARKS, livecodebench.NAME, *plan.own]}
    for field, use, names in (("training", "training", plan.training), ("benchmarks", "evaluation", plan.benchmarks)):
        known = [*generated[field], *(name for name, source in sources.items() if source.use == use)]
        for name in names:
            stored = plan.benchmark_sources.get(name, name) if field == "benchmarks" else name
            if stored in sources and sources[stored].use != use:
                raise InputError(f"{field}: {name} is for {sources[stored].use}; known are {', '.join(known)}")
            if name not in generated[field] and stored not in known:
                raise InputError(f"{field}: {name!r} is no data set; known are {', '.join(known)}")


def benchmark(name: str, plan: PreparePlan, mirror: Path | None, sources: dict[str, Source]) -> Dataset:
    if name in LAB_BENCHMARKS:
        return lab_benchmark(name, lab_of(plan).test_per_level, plan.bench_seed)
    if name == livecodebench.NAME:
        return livecodebench_set(livecodebench.Settings(**plan.benchmark_settings[name]), mirror)
    if own := plan.own.get(name):
        return own_benchmark(name, own.file, own.sha256, own.licence)
    return evaluation_set(sources[plan.benchmark_sources.get(name, name)], mirror)


def check_fit(plan: PreparePlan, benchmarks: dict[str, Dataset], model: Path) -> None:
    """InputError where a prompt, or prompts and samples together, are longer than the profile or the model allows."""
    if not (model / "config.json").is_file():
        raise InputError(f"{model} is missing: dvc repro model@{model.parent.name} makes it")
    check_context(model, plan.context_length)
    count = counter(model)
    for name, dataset in benchmarks.items():
        check_prompts(name, dataset.lines, plan.benchmark_prompts[name], plan.max_prompt_tokens, count)


def kinds_of_golds(name: str, dataset: Dataset) -> dict[str, int] | None:
    """Every short answer is checked: it has to accept itself and to refuse each change of it."""
    judged_otherwise = {"tests", "instructions"}
    golds = [(line["id"], line["answer"]) for line in dataset.lines if not judged_otherwise & line.keys()]
    return kinds_of(golds, name) if golds else None


def entry_of_file(source: Source, address: Address) -> Entry:
    """Of a file that a grader reads as it is: it has no rows."""
    return Entry(
        source=source.name,
        source_sha256=address.sha256,
        address=address.url,
        licence=source.licence,
        redistribution=source.redistribution,
        rows_in=0,
        rows_out=0,
        dropped={},
        mended={},
        sha256=address.sha256,
    )


def lab_set(plan: PreparePlan) -> tuple[Dataset, list[Match]]:
    lab = lab_of(plan)
    return lab_training(lab.families, lab.train_per_level, lab.test_per_level, plan.bench_seed)


def lab_of(plan: PreparePlan) -> Lab:
    if plan.lab is None:
        raise InputError("data.lab: missing, but a laboratory data set is named")
    return plan.lab


def evaluation_index(
    sources: dict[str, Source], mirror: Path | None, own: Mapping[str, list[Row]] = MappingProxyType({})
) -> Index:
    """Of every evaluation set of the table, whether this profile evaluates on it or not, and of its own benchmarks."""
    evaluation = [source for source in sources.values() if source.use == "evaluation"]
    return index_of({source.name: evaluation_set(source, mirror).lines for source in evaluation} | dict(own))


if __name__ == "__main__":
    run_stage(main)
