"""The whole path with known truth: grade tables of three seeds -> report -> verdicts, in the table and in the page's words."""

import csv
from pathlib import Path

import numpy as np
import pytest

from stages.common.files import InputError, read_json, write_json
from stages.profile.params import load
from stages.profile.published_setting import check_setting
from stages.profile.sections.published import Published
from stages.published.table import load_published
from stages.report import build_report
from stages.verdicts.judge import EQUIVALENT, INCONCLUSIVE, NOT_COMPARABLE, NOT_REPRODUCED
from tests.report_results import PROTOCOLS, effective, text_of, write_results

SETTING = {"model": "Qwen2.5-Math-7B", "train_data": "DAPO-Math-17k"}
PROBLEMS = {"aime24": 30, "aime25": 30, "amc23_40": 40, "math500": 500, "minerva_math": 272, "olympiadbench_675": 675}
METHODS = ("grpo", "clip_cov", "steer")
SD = 0.4  # points, of a benchmark's score over seeds
AVERAGE_GAIN = "gain over grpo, average over benchmarks"


@pytest.fixture(scope="module")
def truth() -> dict[tuple[str, str], float]:
    """STEER's Table 3, read without the project's loader: (method, benchmark) -> points."""
    with Path("data/published/steer.csv").open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["table"] == "Table 3"]
    return {(row["method"], row["benchmark"]): float(row["value"]) for row in rows}


def results(folder: Path, truth: dict, gap: float, **settings: object) -> Path:
    """As published, under STEER's own protocol; only STEER itself is `gap` points off on every benchmark.

    Seeds vary, and their mean is exact up to the grain of a benchmark (one sample of all).
    """
    noise = np.random.default_rng(5).normal(0, SD, size=(len(METHODS), len(PROBLEMS), 3))
    noise -= noise.mean(axis=2, keepdims=True)

    def share(run: str, benchmark: str) -> float:
        method, _, seed = run.rpartition("-") if "-" in run else ("base", "", "1")
        off = gap if method == "steer" else 0.0
        if method in METHODS:
            off += noise[METHODS.index(method), list(PROBLEMS).index(benchmark), int(seed) - 1]
        known = truth.get((method, benchmark), 10.0)  # a released model stands in no row
        return (known + off) / 100

    named = PROTOCOLS["steer-2510.10150"]
    ours = effective(named.name, {name: named.samples[name] for name in PROBLEMS}, aggregation="mean of 3 runs")
    settings = {"published": SETTING, "backend": {"platform": "cuda", "dtype": "bfloat16"}} | settings
    forms = {run: {"variant": "paper"} for run in (f"{method}-{seed}" for method in METHODS[1:] for seed in (1, 2, 3))}
    settings = {"method_settings": {f"grpo-{seed}": {} for seed in (1, 2, 3)} | forms} | settings
    return write_results(
        folder, "real", METHODS, (1, 2, 3), PROBLEMS, (), steps=2, texts=10, protocol=ours, share=share, **settings
    )


def report(folder: Path) -> tuple[list[dict[str, str]], str, str]:
    """(rows of STEER's Table 3, report.md, index.html)"""
    build_report(folder, "real")
    place = folder / "real" / "report"
    with (place / "tables" / "published.csv").open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if (row["paper"], row["table"]) == ("steer", "Table 3")]
    return rows, text_of(place), (place / "index.html").read_text(encoding="utf-8")


def test_true_gap_0_is_reproduced(tmp_path, truth):
    results(tmp_path, truth, gap=0.0)
    rows, text, page = report(tmp_path)
    trained = [row for row in rows if row["method"] in METHODS]
    assert len(trained) == 3 * 7 + 2 * 7  # six scores and an average a method; all of them again as gains
    wide = [row for row in trained if float(row["margin"]) >= 3 and "nothing varied" not in row["reason"]]
    assert len(wide) > 15 and {row["kind"] for row in wide} == {EQUIVALENT}
    assert NOT_REPRODUCED not in {row["kind"] for row in trained}
    assert max(abs(float(row["difference"])) for row in trained) < 0.4
    assert rows[0]["quantity"] == AVERAGE_GAIN  # the headline comes first
    gain = next(row for row in trained if (row["quantity"], row["method"]) == (AVERAGE_GAIN, "steer"))
    assert float(gain["published"]) == pytest.approx(truth["steer", "average"] - truth["grpo", "average"], abs=0.1)
    assert float(gain["half_width"]) < 1
    base = [row for row in rows if row["method"] == "base"]
    assert len(base) == 7 and {row["kind"] for row in base} <= {EQUIVALENT, INCONCLUSIVE}
    for written in (text, page):
        assert "If every published number were true" in written and "margin ±3" in written
        assert written.index("the models that were not trained here") < written.index("Does entropy collapse")
    assert "that could be judged none is off beyond chance" in text


def test_true_gap_10_is_not_reproduced(tmp_path, truth):
    results(tmp_path, truth, gap=10.0)
    rows, text, page = report(tmp_path)
    kinds = {(row["method"], row["kind"]) for row in rows if row["method"] in METHODS}
    assert ("steer", NOT_REPRODUCED) in kinds and not {("grpo", NOT_REPRODUCED), ("clip_cov", NOT_REPRODUCED)} & kinds
    gain = next(row for row in rows if (row["quantity"], row["method"]) == (AVERAGE_GAIN, "steer"))
    assert gain["kind"] == NOT_REPRODUCED and gain["withdrawn"] == "False"
    differences = [float(row["difference"]) for row in rows if row["method"] == "steer"]
    assert differences == pytest.approx([10.0] * len(differences), abs=0.4)
    for written in (text, page):
        assert "the difference is +10.0, 95 % interval [" in written and "which is beyond chance" in written


def test_a_run_on_another_set_is_set_against_no_published_number(tmp_path, truth):
    results(tmp_path, truth, gap=0.0, datasets={"steer": "part"})
    rows, text, _ = report(tmp_path)
    assert {row["run"] for row in rows} == {"base", "grpo", "clip_cov"}
    assert "Compared with no published number, because trained on another set: `steer` (part)." in text


def test_what_cannot_be_compared_is_not(tmp_path, truth):
    folder = results(tmp_path, truth, gap=0.0, released=["oat-zero-7b"])
    path = folder / "plan" / "report.json"
    plan = read_json(path)
    plan["protocol"]["temperature"] = 0.6
    write_json(path, plan)
    with pytest.raises(InputError, match="the effective one is steer-2510.10150 .*run stage sample for base"):
        build_report(tmp_path, "real")
    plan["protocol"] |= {"temperature": 1.0, "checkpoint": "last"}  # no sampling differs
    plan["method_settings"] |= {f"steer-{seed}": {"variant": "code"} for seed in (1, 2, 3)}
    plan["benchmarks"] |= {"livecodebench": 4}
    write_json(path, plan)
    for run in (folder / "grades").iterdir():
        scores = read_json(run / "scores.json")
        write_json(
            run / "scores.json",
            scores | {"livecodebench": {"status": "not run: no sandbox", "problems": 1, "k": 4, "rows": 4}},
        )
    rows, text, _ = report(tmp_path)
    assert {row["kind"] for row in rows if row["method"] in METHODS} == {NOT_COMPARABLE}
    assert "checkpoint is last here, best on aime24 there" in text
    assert "variant of steer is code here, the paper's main setting there" in text
    assert "| checkpoint | last | best on aime24 | different |" in text
    with (folder / "report/tables/published.csv").open(encoding="utf-8", newline="") as stream:
        released = [row for row in csv.DictReader(stream) if row["method"] == "released:Oat-Zero-7B"]
    assert released and {row["kind"] for row in released} == {NOT_COMPARABLE}  # a paper without a protocol
    assert {row["kind"] for row in rows if row["method"] == "base"} <= {
        EQUIVALENT,
        INCONCLUSIVE,
    }  # it has no checkpoint


def test_setting_that_no_paper_prints_is_refused():
    published = load_published()
    row = {"method": "grpo", "variant": "1 update a batch"}
    part = {"method": "grpo", "train_data": "DAPO-Math-17k, 616 random"}
    check_setting(published, Published(**SETTING, recipe_of="par", rows={"once": row, "part": part}))
    for wrong, said in [
        ({"model": "Qwen-7B"}, "published.model: .*'Qwen-7B'; known are .*Qwen2.5-Math-7B"),
        ({"train_data": "DAPO"}, "published.train_data: .*'DAPO'; known are .*DAPO-Math-17k"),
        ({"recipe_of": "PAR"}, "published.recipe_of: no number of 'PAR' .*papers that print some are .*par,"),
        ({"rows": {"once": row | {"variant": "once"}}}, "published.rows.once: .*variants are .*1 update a batch"),
        ({"rows": {"once": {"method": "grppo"}}}, "published.rows.once: grppo .*has no row"),
        ({"rows": {"part": part | {"method": "par"}}}, "published.rows.part: par .*the method has no row"),
        (
            {"rows": {"part": part | {"train_data": "616 random"}}},
            "published.rows.part.train_data: .*'616 random'; known are .*DAPO-Math-17k, 616 random",
        ),
    ]:
        with pytest.raises(InputError, match=said):
            check_setting(published, Published(**SETTING | wrong))


def test_laboratory_names_no_published_setting(tmp_path):
    params = tmp_path / "params.yaml"
    params.write_text(
        Path("profiles/smoke.yaml").read_text() + "\npublished: {model: Qwen2.5-Math-7B, train_data: x}\n"
    )
    with pytest.raises(InputError, match="published: results of the laboratory are never compared"):
        load(params)
