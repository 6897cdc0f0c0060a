"""The report's first section: what ran, under which protocol, on which data, and whether it can be trusted."""

import pandas as pd

from stages.reporting.blocks import Notices, Section, Table
from stages.reporting.load import FACTS, Results
from stages.reporting.notices import notices
from stages.reporting.numbers import MISSING, flat


def trust(results: Results, counts: pd.DataFrame) -> Section:
    """`counts` is `tables.sample_counts`."""
    plan = results.plan
    shared = flat({"suite_seed": plan.suite_seed, "train": plan.train.model_dump(), "backend": plan.backend})
    blocks = [
        Notices(notices(results, counts)),
        *_protocol(results),
        _data(results),
        *_contamination(results),
        _samples(results, counts),
        Table("settings", "Settings that all runs share", ["setting", "value"],
              [("", [[name, value] for name, value in shared.items()])], words=2, folded=True),
        _method_settings(results),
        _runs(results),
        _versions(results),
    ]  # fmt: skip
    return Section("trust", "What ran, and can it be trusted", blocks)


def _protocol(results: Results) -> list[Table]:
    """The evaluation protocol in force and where it departs from the one that it names."""
    plan = results.plan
    rows = [[name, value] for name, value in flat(plan.protocol.model_dump()).items()]
    found = [Table("protocol", "Evaluation protocol in force", ["field", "value"], [("", rows)], 2, True)]
    if plan.protocol_departures:
        rows = [[d.field, d.ours, d.theirs, "yes" if d.known else "cannot be told"] for d in plan.protocol_departures]
        caption = "Where the protocol departs from the one that it names"
        found.append(Table("departures", caption, ["field", "here", "there", "differs"], [("", rows)], 4))
    return found


def _data(results: Results) -> Table:
    """Every data file with what was dropped and why: also where training problems met evaluation problems."""
    rows = []
    for path, entry in results.data.items():
        dropped = ", ".join(f"{reason} {count:,}" for reason, count in entry["dropped"].items())
        mended = ", ".join(f"{reason} {count:,}" for reason, count in entry["mended"].items())
        numbers = [f"{entry['rows_in']:,}", f"{entry['rows_out']:,}"]
        rows.append([path, entry["source"], dropped or "none", mended or "none", entry["sha256"][:12], *numbers])
    header = ["file", "source", "dropped", "mended", "sha256", "rows in", "rows kept"]
    return Table("data", "Data, as its manifest states it", header, [("", rows)], words=5, folded=True)


def _contamination(results: Results) -> list[Table]:
    """How many problems of each evaluation set stand in each training set, by how they were found."""
    found = {path: entry["found"] for path, entry in results.data.items() if entry.get("found")}
    kinds = list(dict.fromkeys(kind for sets in found.values() for counts in sets.values() for kind in counts))
    groups = [
        (path, [[name, *(f"{counts[kind]:,}" if kind in counts else MISSING for kind in kinds)] for name, counts in sets.items()])
        for path, sets in found.items()
    ]  # fmt: skip
    caption = "Evaluation problems that stand in the training data, before any was dropped"
    header = ["benchmark", *(kind.replace("_", " ") for kind in kinds)]
    return [Table("contamination", caption, header, groups)] if found else []


def _runs(results: Results) -> Table:
    """Each run's seed as declared and as every generator was given it, and the weights that were sampled."""
    rows = []
    for run in results.runs:
        trained, sampled = (results.versions.get((run.name, stage), {}) for stage in ("train", "sample"))
        weights = sampled.get("model_sha256", MISSING)[:12]
        declared = MISSING if run.seed is None else str(run.seed)
        facts = [trained.get(name, MISSING) for name in ("seed", "prompts", "prompts_too_long")]
        rows.append([run.name, weights, declared, *facts])
    header = ["run", "weights (sha256)", "declared seed", "seed of all generators", "prompts", "prompts too long"]
    return Table("runs", "Runs, seeds, weights and training prompts", header, [("", rows)], words=2, folded=True)


def _samples(results: Results, counts: pd.DataFrame) -> Table:
    groups = []
    for benchmark, rows in counts.groupby("benchmark", sort=False) if len(counts) else []:
        first = rows.iloc[0]
        title = f"{benchmark}: {first['problems']} problems × {first['k']} samples"
        names = ["samples", "correct", "truncated", "no_answer", "timeouts", "errors", "excluded"]
        groups.append((title, [[row["run"], *(str(row[name]) for name in names)] for _, row in rows.iterrows()]))
    ran = {benchmark for _, benchmark in results.grades}
    groups += [(f"{benchmark}: not run", []) for benchmark in results.plan.benchmarks if benchmark not in ran]
    header = ["run", "samples", "right", "truncated", "no answer", "timeout", "error", "excluded"]
    return Table("samples", "What became of the samples, by benchmark and run", header, groups, folded=True)


def _method_settings(results: Results) -> Table:
    """A row a method, a column a setting; the declared seeds of a method share its settings."""
    resolved = {
        run.method: flat(results.plan.method_settings[run.name]) for run in results.runs if run.seed is not None
    }
    names = list(dict.fromkeys(name for settings in resolved.values() for name in settings))
    rows = [[method, *(settings.get(name, "·") for name in names)] for method, settings in resolved.items()]
    caption = "Each method's settings as resolved; · where a method has no such setting"
    return Table("method_settings", caption, ["method", *names], [("", rows)])


def _versions(results: Results) -> Table:
    stages = ("train", "sample")
    recorded = {stage: [v for (_, name), v in results.versions.items() if name == stage] for stage in stages}
    found = {name for versions in results.versions.values() for name in versions} - set(FACTS)
    packages = sorted(found, key=str.casefold)
    rows = [
        [p, *(" / ".join(sorted({v[p] for v in recorded[stage] if p in v})) or "·" for stage in stages), "·"]
        for p in packages
    ]
    graders: dict[tuple[str, str], list[str]] = {}
    for (_, benchmark), graded in results.grades.items():
        used = graders.setdefault((graded.score.grader, graded.score.grader_version), [])
        used += [] if benchmark in used else [benchmark]
    rows += [
        [f"grader {name}", "·", "·", f"{version} ({', '.join(used)})"] for (name, version), used in graders.items()
    ]
    caption = "Versions as recorded by each stage beside its results"
    return Table("versions", caption, ["package", "train", "sample", "grade"], [("", rows)], words=4, folded=True)
