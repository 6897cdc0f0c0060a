"""The report's sections in reading order, and the summary above them."""

import pandas as pd

from stages.reporting import browse
from stages.reporting.blocks import Room, Section, Text
from stages.reporting.datasets import own_columns
from stages.reporting.gains import REFERENCE
from stages.reporting.load import Results
from stages.reporting.numbers import number
from stages.reporting.price import price_section
from stages.reporting.published import Comparison
from stages.reporting.scores import scores_section
from stages.reporting.training import schedule, training
from stages.reporting.trust import trust
from stages.reporting.verdicts import verdicts_section


def sections(results: Results, found: dict[str, pd.DataFrame], compared: Comparison | None) -> list[Section]:
    """`found`: the tables of `stages.report.measure`; `compared` is None without a published setting."""
    parts = [trust(results, found["samples"]), training(results)]
    if own_columns(results.steps):
        parts.append(schedule(results))
    parts += [scores_section(results, found), verdicts_section(results, compared), price_section(results, found)]
    return [*parts, _samples(results)]


def summary(results: Results) -> str:
    """Two sentences that stand under the title."""
    plan, train = results.plan, results.plan.train
    released = f", {_count(len(plan.released), 'released model')}" if plan.released else ""
    text = (
        f"Profile `{plan.profile}`: {_count(len(results.methods), 'method')} ×"
        f" {_count(len(plan.seeds), 'training seed')} ({', '.join(map(str, plan.seeds))}){released} and the base model;"
        f" {train.steps} steps of {train.prompts_per_step} prompts × {train.responses_per_prompt} responses."
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


def _samples(results: Results) -> Section:
    folder = f"results/{results.plan.profile}"
    text = (
        "Every verdict can be looked up here, problem by problem. The texts beside this page (`samples/`) are capped:"
        f" each run's first ones, up to {browse.FILE_BYTES // 1024} KiB a benchmark, and of a long one its beginning and"
        f" its end ({browse.TEXT_CHARACTERS:,} characters). All texts are in `{folder}/samples/<run>/<benchmark>.jsonl`, all"
        f" verdicts in `{folder}/grades/<run>/<benchmark>.parquet`."
    )
    return Section("browse", "Every sample", [Text(text), Room("browser")] if results.grades else [Text(text)])


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
