"""The report's first section: its numbers are those of the runs, and each sentence goes with the data that it holds for."""

from functools import partial

import pandas as pd
import pytest

from stages.common.files import read_jsonl, write_jsonl
from stages.report import measure
from stages.reporting.figures.draw import draw
from stages.reporting.figures.drawn_data import drawn_data
from stages.reporting.inputs.results import Results, load
from stages.reporting.sections.answer import answer_section
from stages.reporting.sections.blocks import Notices, Picture, Section, Table, Text
from stages.reporting.sections.content import all_sections, summary
from stages.reporting.sections.trust import most_common
from stages.reporting.tables.answer import with_verdicts
from stages.reporting.tables.apart import told_apart
from stages.reporting.tables.comparison import Comparison
from stages.verdicts.families import AVERAGES, FIXED
from stages.verdicts.judge import EQUIVALENT, INCONCLUSIVE, NOT_REPRODUCED
from tests.report_results import write_results


def section_of(results: Results, compared: Comparison | None = None) -> Section:
    tables = measure(results)
    tables["answer"] = with_verdicts(tables["answer"], compared)
    return answer_section(results, tables, compared)


def said(section: Section) -> str:
    return " ".join(block.text for block in section.blocks if isinstance(block, Text))


def table_of(section: Section) -> dict[str, dict[str, str]]:
    """Model -> column -> cell."""
    (table,) = (block.without_empty_columns() for block in section.blocks if isinstance(block, Table))
    return {row[0]: dict(zip(table.header, row, strict=True)) for row in table.rows}


def log(folder, run: str, **columns: list[float]) -> None:
    path = folder / f"train/{run}/steps.jsonl"
    rows = [
        row | {name: values[place] for name, values in columns.items()} for place, row in enumerate(read_jsonl(path))
    ]
    write_jsonl(path, rows)


def test_the_table_has_entropy_reward_score_gain_and_cost_of_every_model(tmp_path):
    folder = write_results(
        tmp_path, methods=("grpo", "par", "steer"), steps=2, share=lambda run, _: 0.75 if run == "par-1" else 0.5
    )
    log(folder, "grpo-1", entropy=[0.4, 0.1], reward=[0.25, 0.75], response_length=[20.0, 30.0])
    log(folder, "par-1", entropy=[0.4, 0.3], response_length=[200.0, 300.0])
    log(folder, "steer-1", entropy=[0.4, 0.5], response_length=[200.0, 300.0], dropped_groups=[1, 2])
    rows = table_of(section_of(load(tmp_path, "smoke")))
    assert list(rows) == ["base", "steer", "par", "grpo"]  # methods by the entropy that they kept
    assert (rows["grpo"]["entropy kept"], rows["par"]["entropy kept"], rows["steer"]["entropy kept"]) == (
        "25 %",
        "75 %",
        "125 %",
    )
    assert rows["grpo"]["entropy, nats a token"] == "0.400 → 0.100" and rows["grpo"]["reward"] == "0.25 → 0.75"
    assert rows["par"]["avg@k, %"].startswith("75.0 [") and rows["base"]["avg@k, %"].startswith("50.0 [")
    assert rows["par"]["gain over grpo, points"].startswith("+25.0 [") and rows["grpo"]["gain over grpo, points"] == "·"
    # 2 prompts × 4 responses a step; 500 tokens over both steps, a response at each
    assert rows["par"]["1,000 tokens trained on"] == "4" and rows["base"]["1,000 tokens trained on"] == "·"
    assert (rows["par"]["responses sampled"], rows["steer"]["responses sampled"]) == ("16", "28")


def test_who_kept_entropy_is_said_as_the_logs_have_it(tmp_path):
    folder = write_results(tmp_path, methods=("grpo", "par", "steer"), steps=2)
    log(folder, "grpo-1", entropy=[0.4, 0.2])
    log(folder, "par-1", entropy=[0.4, 0.1])
    log(folder, "steer-1", entropy=[0.4, 0.3])
    text = said(section_of(load(tmp_path, "smoke")))
    assert (
        "`steer` kept the most of the first entropy, 75 %, and `par` the least, 25 %; 1 of 2 methods kept more than grpo's 50 %."
        in text
    )
    log(folder, "steer-1", entropy=[0.4, 0.1])
    text = said(section_of(load(tmp_path, "smoke")))
    assert "`grpo` kept the most of the first entropy, 50 %, and `par`, `steer` the least, 25 %." in text
    log(folder, "grpo-1", entropy=[0.4, 0.1])
    text = said(section_of(load(tmp_path, "smoke")))
    assert (
        "`grpo`, `par`, `steer` ended with 25 % of the entropy that training began with." in text
        and "the most" not in text
    )


def with_ends(root, profile: str, seeds: tuple[int, ...], **ends: float) -> Results:
    """Runs that begin with an entropy of 0.4. A method ends with its own; a seed adds 0.01 to all, and up to 0.002 to one alone."""
    folder = write_results(root, profile, methods=tuple(ends), seeds=seeds, steps=2)
    for number, (method, end) in enumerate(ends.items()):
        for seed in seeds:
            log(folder, f"{method}-{seed}", entropy=[0.4, end + 0.01 * seed + 0.001 * ((number * seed) % 3)])
    return load(root, profile)


def test_whose_entropy_ends_apart_is_said_where_seeds_can_tell(tmp_path):
    write = partial(with_ends, tmp_path)
    text = said(section_of(write("more", (1, 2, 3), grpo=0.1, par=0.2, steer=0.1, far=0.3)))
    assert (
        "`par`, `far` end with more entropy than grpo, by more than the 0.00" in text and "that 3 seeds explain" in text
    )
    text = said(section_of(write("both", (1, 2), grpo=0.2, par=0.1, far=0.3)))
    assert "`far` ends with more entropy than grpo and `par` ends with less entropy than grpo, by more than" in text
    text = said(section_of(write("alike", (1, 2, 3), grpo=0.2, par=0.2)))
    assert (
        "No method's entropy ends apart from grpo's: with 3 seeds two of these methods are told apart beyond 0.00"
        in text
    )
    for one in (write("one", (1,), grpo=0.1, par=0.2), write("without", (1, 2), par=0.1, far=0.3)):
        assert "seeds explain" not in said(section_of(one)) and "ends apart" not in said(section_of(one))
    many = {f"m{number}": 0.3 for number in range(6)}
    assert "6 methods end with more entropy" in said(section_of(write("many", (1, 2, 3), grpo=0.1, **many)))


def test_pairs_told_apart_stand_in_the_section_on_training_and_as_numbers(tmp_path):
    results = with_ends(tmp_path, "smoke", (1, 2, 3), grpo=0.1, par=0.3, steer=0.1)
    tables = measure(results)
    (training,) = (one for one in all_sections(results, tables, None) if one.identity == "training")
    assert "Of 3 pairs of 3 methods with 3 seeds each, these are told apart: in entropy 2, which" in said(training)
    rows = {row[0]: row for block in training.blocks if getattr(block, "name", "") == "apart" for row in block.rows}
    assert next(iter(rows)) == "par" and rows["par"][2].endswith("*") and not rows["steer"][2].endswith("*")
    assert {name: row[-1] for name, row in rows.items()} == {"par": "2", "grpo": "1", "steer": "1"}
    apart = tables["apart"].set_index(["measure", "method", "other"])
    assert apart.at[("entropy", "par", "grpo"), "apart"] and not apart.at[("entropy", "steer", "grpo"), "apart"]
    one, other = apart.loc[("entropy", "par", "grpo")], apart.loc[("entropy", "grpo", "par")]
    assert one["difference"] == pytest.approx(-other["difference"]) and one["start"] == pytest.approx(0.4)
    assert one["value"] - other["value"] == pytest.approx(one["difference"]) and one["least"] == other["least"]


def test_methods_with_two_seeds_are_compared_where_most_have_one():
    rows = [
        {
            "method": method,
            "seed": seed,
            "step": 1,
            "entropy": 0.1 * seed + (method == "b") + 0.001 * seed**2 * (method == "b"),
        }
        for method, seeds in {"a": (1, 2), "b": (1, 2), **{f"m{number}": (1,) for number in range(9)}}.items()
        for seed in seeds
    ]
    found = told_apart(pd.DataFrame(rows), 1, 1)
    assert [*found["method"]] == ["a", "b"] and found["apart"].all() and set(found["seeds"]) == {2}
    assert told_apart(pd.DataFrame(rows)[:1], 1, 1).empty and told_apart(pd.DataFrame(), 1, 1).empty


def test_a_gain_is_told_where_it_is_beyond_chance(tmp_path):
    def share(run: str, benchmark: str) -> float:
        method, _, seed = run.rpartition("-") if "-" in run else (run, "", "0")
        return {"far": 0.8, "low": 0.2}.get(method, 0.5) + 0.01 * int(seed) * (len(method) % 3)

    settings = {"methods": ("grpo", "par", "far", "low"), "benchmarks": {"lab_sum": 200}, "share": share}
    write_results(tmp_path, seeds=(1, 2, 3), **settings)
    text = said(section_of(load(tmp_path, "smoke")))
    assert (
        "`far` scored more than grpo and `low` scored less than grpo on `lab_sum`, beyond chance after correction for 3"
        in text
    )
    write_results(tmp_path, "one", **settings)
    assert "on `lab_sum`, beyond the noise of sampling after correction for 3" in said(
        section_of(load(tmp_path, "one"))
    )
    two = settings | {"benchmarks": {"lab_sum": 200, "lab_chain": 200}}
    write_results(tmp_path, "two", **two)
    assert "on the average of the 2 benchmarks, beyond" in said(section_of(load(tmp_path, "two")))
    write_results(tmp_path, "none", methods=("grpo", "par"), share=lambda run, _: 13 / 24 if run == "par-1" else 0.5)
    assert "No method is shown to score more or less than grpo on `lab_sum`" in said(section_of(load(tmp_path, "none")))
    write_results(tmp_path, "without", methods=("par", "far"))
    assert "than grpo" not in said(section_of(load(tmp_path, "without")))


def test_what_may_not_be_concluded_follows_from_what_ran(tmp_path):
    write_results(tmp_path)
    text = said(section_of(load(tmp_path, "smoke")))
    assert "What may not be concluded: that one method is better than another, since with one training seed" in text
    assert "which this profile is not compared with; anything of other models, data or protocols." in text
    write_results(tmp_path, "alone", methods=("par",))
    assert "what another training seed would give, since there is one" in said(section_of(load(tmp_path, "alone")))
    write_results(tmp_path, "three", seeds=(1, 2, 3))
    results = load(tmp_path, "three")
    least = measure(results)["resolution"].iloc[0]["least_gain"]
    text = said(section_of(results))
    assert f"3 seeds miss a true gain below {least:.1f} points in more than one of five cases" in text
    assert "one training seed" not in text and "nothing was trained" not in text
    write_results(tmp_path, "same", seeds=(1, 2, 3), share=lambda run, _: 0.5)
    assert "miss a true gain" not in said(
        section_of(load(tmp_path, "same"))
    )  # nothing varies, so nothing is known of it


def verdicts(*rows: tuple[str, str, str]) -> Comparison:
    """Of (run, kind, family)."""
    return Comparison(
        pd.DataFrame(rows, columns=["run", "kind", "family"]), pd.DataFrame(), (), {"oat": "released:Oat"}
    )


def test_verdicts_are_counted_by_model(tmp_path):
    write_results(tmp_path, released=["oat"])
    results = load(tmp_path, "smoke")
    fine = verdicts(
        ("par", EQUIVALENT, AVERAGES),
        ("par", INCONCLUSIVE, AVERAGES),
        ("par", EQUIVALENT, AVERAGES),
        ("released:Oat", EQUIVALENT, FIXED),
    )
    section = section_of(results, fine)
    rows = table_of(section)
    assert (rows["par"]["verdicts"], rows["oat"]["verdicts"], rows["grpo"]["verdicts"]) == (
        "2 equivalent, 1 inconclusive",
        "1 equivalent",
        "·",
    )
    assert "published number" not in said(section)
    off = verdicts(("released:Oat", NOT_REPRODUCED, FIXED))
    assert "since models not trained here are off as well" in said(section_of(results, off))
    assert "verdicts" not in table_of(section_of(results))["par"]


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        ({}, "Gain over grpo in points of avg@k on `lab_sum` with its 95 % interval against the share"),
        ({"methods": ("par",)}, "avg@k in % on `lab_sum` with its 95 % interval against the share"),
        ({"k": 1}, "Gain over grpo in points of avg@k on `lab_sum` against the share"),
        ({"methods": (), "released": ["oat"]}, "avg@k in % on `lab_sum` with its 95 % interval."),
        ({"benchmarks": {}}, None),
    ],
)  # fmt: skip
def test_the_picture_shows_what_there_is(tmp_path, settings, shown):
    write_results(tmp_path, **settings)
    results = load(tmp_path, "smoke")
    tables = measure(results)
    pictures = [block.caption for block in section_of(results).blocks if isinstance(block, Picture)]
    figures = draw(results, tables, drawn_data(results, tables, None))
    assert ("answer" in figures) == bool(pictures) == (shown is not None)
    if shown:
        assert pictures[0].startswith(shown)


def test_it_comes_first_and_what_ran_follows(tmp_path):
    write_results(tmp_path)
    results = load(tmp_path, "smoke")
    sections = all_sections(results, measure(results), None)
    assert [section.identity for section in sections][:2] == ["answer", "trust"]
    assert summary(results).startswith(
        "Profile `smoke`: 2 methods × 1 training seed (1) and the base model; 3 steps of 2 prompts"
    )


def test_where_nothing_is_trained_nothing_is_said_of_training(tmp_path):
    write_results(tmp_path, methods=(), released=["oat", "luffy"])
    results = load(tmp_path, "smoke")
    assert summary(results) == "Profile `smoke`: 2 released models and the base model; nothing was trained."
    sections = all_sections(results, measure(results), None)
    assert not {"training", "schedules", "controls"} & {section.identity for section in sections}
    assert "anything of training, since nothing was trained here" in said(sections[0])
    blocks = [block for section in sections for block in section.blocks]
    texts = [block.text for block in blocks if isinstance(block, Text)]
    texts += [item.text for block in blocks if isinstance(block, Notices) for item in block.items]
    for word in ("training seed", "hours.csv", "are clipped", "Lines are means"):
        assert not any(word in text for text in texts), word
    tables = {block.name: block for block in blocks if isinstance(block, Table)}
    assert "method_settings" not in tables and not any(row[0].startswith("train.") for row in tables["settings"].rows)
    assert "training step" not in tables["prices"].caption


def test_a_method_s_settings_are_what_differs():
    settings = [{"a": "1", "b": "2"}, {"a": "1", "b": "3", "own": "4"}, {"a": "2", "b": "3"}]
    assert most_common(settings) == {"a": "1", "b": "3"}
    assert most_common([]) == {}
