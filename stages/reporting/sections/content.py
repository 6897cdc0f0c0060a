"""The report's sections in reading order, and the summary above them."""

from collections.abc import Mapping
from types import MappingProxyType

import pandas as pd

from stages.claims.schema import Claims
from stages.reporting.inputs.results import Results
from stages.reporting.sections.answer import answer_section
from stages.reporting.sections.benefits import benefits_section
from stages.reporting.sections.blocks import Block, OnDemand, Section, Table, Text
from stages.reporting.sections.checkpoints import checkpoints_section
from stages.reporting.sections.claims import claims_section
from stages.reporting.sections.controls import controls_section
from stages.reporting.sections.fixed_models import fixed_models_section
from stages.reporting.sections.numbers import count_of
from stages.reporting.sections.price import price_section
from stages.reporting.sections.probes import probes_section
from stages.reporting.sections.schedules import schedules_section
from stages.reporting.sections.training import training_section
from stages.reporting.sections.trust import trust_section
from stages.reporting.sections.tuning import tuning_section
from stages.reporting.sections.verdicts import verdicts_section
from stages.reporting.side_files.samples import FILE_BYTES, TEXT_CHARACTERS
from stages.reporting.tables.comparison import Comparison
from stages.reporting.tables.controls import pairs
from stages.reporting.tables.steps import own_columns


def all_sections(
    results: Results,
    tables: dict[str, pd.DataFrame],
    compared: Comparison | None,
    claims: Mapping[str, Claims] = MappingProxyType({}),
) -> list[Section]:
    """`tables`: those of `stages.report`; `compared` is None without a published setting; `claims`: those that the profile names, by file."""
    parts = [answer_section(results, tables, compared), trust_section(results, tables["samples"])]
    parts += [] if compared is None else fixed_models_section(compared)
    if claims:
        parts.append(claims_section(claims, tables["claims"]))
    if results.methods:
        parts.append(training_section(results, tables["apart"]))
    if own_columns(results.steps):
        parts.append(schedules_section(results))
    if results.probes:
        parts.append(probes_section(results))
    parts.append(benefits_section(results, tables))
    if pairs(results):
        parts.append(controls_section(results, tables["controls"]))
    if results.plan.tuning:
        parts.append(tuning_section(results, tables["tuning"], tables["tuned_gains"]))
    if results.plan.checkpoints:
        parts.append(checkpoints_section(results, tables["checkpoints"]))
    parts += [verdicts_section(results, tables, compared), price_section(results, tables)]
    return [_without_empty_columns(section) for section in [*parts, _every_sample(results)]]


def _without_empty_columns(section: Section) -> Section:
    blocks = [block.without_empty_columns() if isinstance(block, Table) else block for block in section.blocks]
    return Section(section.identity, section.title, blocks)


def summary(results: Results) -> str:
    """What ran: the sentence under the title."""
    plan, train = results.plan, results.plan.train
    seeds = f"{count_of(len(plan.seeds), 'training seed')} ({', '.join(map(str, plan.seeds))})"
    models = [f"{count_of(len(results.methods), 'method')} × {seeds}"] if results.methods else []
    models += [count_of(len(plan.released), "released model")] if plan.released else []
    what = f"Profile `{plan.profile}`: {', '.join(models)}{' and ' if models else ''}the base model;"
    if not results.methods:
        return f"{what} nothing was trained."
    return (
        f"{what} {count_of(train.steps, 'step')} of {count_of(train.prompts_per_step, 'prompt')} ×"
        f" {count_of(train.responses_per_prompt, 'response')}."
    )


def _every_sample(results: Results) -> Section:
    folder = f"results/{results.plan.profile}"
    text = (
        "Look up the grade of any sample, problem by problem. The texts beside this page (`samples/`) are limited to the"
        f" first {FILE_BYTES // 1024} KiB of each run and benchmark; of a text longer than {TEXT_CHARACTERS:,} characters"
        f" the beginning and the end are kept. All texts are in `{folder}/samples/<run>/<benchmark>.jsonl`, all grades in"
        f" `{folder}/grades/<run>/<benchmark>.parquet`."
    )
    blocks: list[Block] = [Text(text), OnDemand("browser")] if results.grades else [Text(text)]
    return Section("browse", "Every sample", blocks)
