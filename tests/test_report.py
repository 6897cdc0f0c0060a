"""The report from small made-up results: its numbers, its silence on strays, its bytes, what stands beside the page."""

import csv
import json
import math
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import pytest
from scipy.stats import t

from stages.report import PUBLISHED, build_report
from stages.reporting.figures import CROWD
from tests.report_results import REASON, right, write_results

K, PROBLEMS = 4, 6


def average_and_error(number: int) -> tuple[float, float]:
    """avg@k and its one-model standard error, by the formula of the statistics, without the project's functions."""
    shares = right(PROBLEMS, K, number) / K
    return shares.mean(), math.sqrt((shares * (1 - shares)).sum() / (K - 1)) / PROBLEMS


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def report(results: Path, profile: str = "smoke") -> Path:
    build_report(results, profile, PUBLISHED)
    return results / profile / "report"


def test_scores_and_intervals_of_one_seed(tmp_path):
    write_results(tmp_path)
    found = {
        (row["run"], row["metric"], int(row["k"])): row
        for row in rows_of(report(tmp_path) / "tables" / "scores_by_run.csv")
    }
    for number, run in enumerate(["base", "grpo-1", "par-1"]):
        average, error = average_and_error(number)
        row = found[run, "avg", K]
        assert float(row["value"]) == pytest.approx(average)
        assert float(row["low"]) == pytest.approx(average - 1.959964 * error, abs=1e-6)
        assert float(row["high"]) == pytest.approx(average + 1.959964 * error, abs=1e-6)
        assert row["interval"] == "one model"
        for k in (1, 2, 4):
            failing = [math.comb(K - int(c), k) / math.comb(K, k) for c in right(PROBLEMS, K, number)]
            expected = 1 - sum(failing) / PROBLEMS
            assert float(found[run, "pass", k]["value"]) == pytest.approx(expected)
            assert 0 <= float(found[run, "pass", k]["low"]) <= expected <= float(found[run, "pass", k]["high"]) <= 1
    gain = next(row for row in rows_of(tmp_path / "smoke/report/tables/gains.csv") if row["benchmark"] == "lab_sum")
    (ours, ours_error), (reference, reference_error) = average_and_error(2), average_and_error(1)
    assert float(gain["value"]) == pytest.approx(ours - reference)
    reach = 1.959964 * math.hypot(ours_error, reference_error)
    assert float(gain["high"]) == pytest.approx(ours - reference + reach, abs=1e-6)


def test_several_seeds_give_a_t_interval_over_seeds(tmp_path):
    write_results(tmp_path, seeds=(1, 2, 3))
    folder = report(tmp_path)
    rows = rows_of(folder / "tables" / "scores_by_method.csv")
    grpo = next(row for row in rows if (row["method"], row["metric"]) == ("grpo", "avg"))
    means = [average_and_error(number)[0] for number in (1, 2, 3)]
    mean = sum(means) / 3
    half = t.ppf(0.975, 2) * math.sqrt(sum((m - mean) ** 2 for m in means) / 2) / math.sqrt(3)
    assert float(grpo["value"]) == pytest.approx(mean)
    assert float(grpo["low"]) == pytest.approx(mean - half)
    assert (grpo["interval"], grpo["seeds"]) == ("seeds", "3")
    assert "mean ± t(2)·sd/√3" in (folder / "report.md").read_text(encoding="utf-8")


def test_report_says_what_ran(tmp_path):
    departures = [{"field": "prompt", "ours": "plain", "theirs": "boxed"}]
    write_results(tmp_path, protocol={"name": "steer", "top_p": 1.0}, protocol_departures=departures)
    folder = report(tmp_path)
    text = (folder / "report.md").read_text(encoding="utf-8")
    average, error = average_and_error(0)
    low, high = 100 * (average - 1.959964 * error), 100 * (average + 1.959964 * error)
    assert f"| base | {100 * average:.1f} [{low:.1f}, {high:.1f}]" in text
    assert f"`lab_code` was not run: {REASON}" in text
    assert "Training variance unknown" in text and "vLLM 0.28.0 for CPU; the GPU lock pins vLLM 0.24.0" in text
    assert "| par | 0.2 | 0.125 |" in text and "| grpo | 0.2 | · |" in text and "| verl | 0.9.1 | 0.9.1 | · |" in text
    assert "| top_p | 1 |" in text and "| prompt | plain | boxed |" in text and "| grpo-1 | · | 1 | 1001 |" in text
    assert "dropped because they are evaluation problems: 3 from `train/lab.parquet`" in text
    cut, silent = 3 * PROBLEMS, sum(int((right(PROBLEMS, K, number) == 0).sum()) for number in range(3))
    assert f"Of {3 * PROBLEMS * K} samples {cut} reached the token limit, {silent} gave no answer" in text
    assert f"A second grader judges {cut} otherwise" in text
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["base"]["lab_sum"]["avg_at_4"] == pytest.approx(average)


def test_released_model_is_a_row_without_training(tmp_path):
    write_results(tmp_path, released=["steer-released"])
    folder = report(tmp_path)
    rows = rows_of(folder / "tables" / "scores_by_method.csv")
    row = next(row for row in rows if (row["method"], row["metric"]) == ("steer-released", "avg"))
    assert float(row["value"]) == pytest.approx(average_and_error(1)[0]) and row["interval"] == "one model"
    assert "steer-released" not in {row["method"] for row in rows_of(folder / "tables" / "gains.csv")}
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert "Not trained here, so training variance unknown: `steer-released`" in text


def test_strays_are_named_and_not_read(tmp_path):
    folder = write_results(tmp_path)
    for part in ("train", "samples", "grades"):
        (folder / part / "steer-9").mkdir()
        (folder / part / "steer-9" / "steps.jsonl").write_text("not JSON", encoding="utf-8")
    text = (report(tmp_path) / "report.md").read_text(encoding="utf-8")
    for part in ("train", "samples", "grades"):
        assert f"`rm -r {tmp_path.name}/smoke/{part}/steer-9`" in text
    assert str(tmp_path) not in text
    assert {row["run"] for row in rows_of(folder / "report/tables/steps.csv")} == {"grpo-1", "par-1"}


def contents(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_same_inputs_same_bytes(tmp_path):
    write_results(tmp_path)
    first = contents(report(tmp_path))
    assert first == contents(report(tmp_path)) and len(first) > 30
    write_results(tmp_path / "elsewhere" / tmp_path.name)
    (tmp_path / "elsewhere" / tmp_path.name / "smoke/train/par-1.timings.jsonl").write_text("")  # clocks do not count
    assert first == contents(report(tmp_path / "elsewhere" / tmp_path.name))


def test_hours_stand_beside_the_report(tmp_path):
    folder = write_results(tmp_path, backend={"platform": "cuda", "devices": 8})
    report(tmp_path)
    row = next(row for row in rows_of(folder / "hours.csv") if row["run"] == "par-1")
    assert (float(row["step"]), float(row["sampling"]), row["devices"]) == (3.0, 1.5, "8")
    assert "results/smoke/hours.csv" in (folder / "report" / "report.md").read_text(encoding="utf-8")


def test_smoke_is_not_compared_with_published_numbers(tmp_path):
    write_results(tmp_path)
    folder = report(tmp_path)
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert "is never compared with published numbers" in text and "Methods may coincide at this scale" in text
    assert not (folder / "tables" / "published.csv").exists()


def test_published_value_stands_beside_ours(tmp_path):
    setting = {"model": "Qwen2.5-Math-7B", "train_data": "DAPO-Math-17k"}
    write_results(tmp_path, "real", benchmarks={"aime24": PROBLEMS}, absent=("humaneval",), published=setting)
    folder = report(tmp_path, "real")
    rows = rows_of(folder / "tables/published.csv")
    row = next(r for r in rows if r["variant"] == "GRPO" and r["paper"] == "STEER (2510.10150)")
    assert (float(row["published"]), row["metric"], float(row["k"])) == (28.0, "avg", 32)
    ours, error = average_and_error(1)
    assert float(row["ours"]) == pytest.approx(100 * ours)
    assert float(row["half_width"]) == pytest.approx(100 * 1.959964 * error, abs=1e-4)
    guided = {r["metric"]: r for r in rows if r["method"] == "par"}
    assert float(guided["avg"]["published"]) == 34.38
    assert guided["pass"]["ours"] == ""  # four samples say nothing about pass@64
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert f"| 28.00 | {100 * ours:.1f} ± " in text and "never compared" not in text


def test_figures_and_latex_are_well_formed(tmp_path):
    methods = ("grpo", *(f"m_{i}" for i in range(CROWD + 2)))
    write_results(tmp_path, methods=methods, seeds=(1, 2))
    folder = report(tmp_path)
    drawings = sorted((folder / "figures").glob("*.svg"))
    assert {path.stem for path in drawings} >= {"entropy", "gains", "pass_at_k", "calibration", "entropy_against"}
    for path in drawings:
        texts = list(ElementTree.fromstring(path.read_text(encoding="utf-8")).itertext())
        assert "var(--" not in path.read_text(encoding="utf-8") and any(text.strip() for text in texts)
    for path in (folder / "tables").glob("*.tex"):
        text = path.read_text(encoding="utf-8")
        columns = re.search(r"\\begin\{tabular\}\{([lr]+)\}", text)[1]
        body = [line for line in text.splitlines() if line.endswith(r"\\") and r"\multicolumn" not in line]
        assert {len(re.findall(r"(?<!\\)&", line)) for line in body} == {len(columns) - 1}
        assert not re.search(r"(?<!\\)[_#%]", "\n".join(body))


class Page(HTMLParser):
    """Collects what a browser would fetch, ids, and where links lead."""

    def __init__(self, text: str):
        super().__init__()
        self.fetched, self.identities, self.targets, self.links = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.fetched += [attributes[name] for name in ("src", "srcset", "data") if name in attributes]
        if tag in ("link", "use", "image"):
            self.fetched.append(attributes.get("href", ""))
        if "id" in attributes:
            self.identities.append(attributes["id"])
        if tag == "a":
            target = attributes["href"]
            (self.targets if target.startswith("#") else self.links).append(target.removeprefix("#"))


def test_page_is_whole_and_fetches_nothing(tmp_path):
    write_results(tmp_path)
    folder = report(tmp_path)
    page = Page((folder / "index.html").read_text(encoding="utf-8"))
    assert all(address.startswith("data:") for address in page.fetched)
    assert len(page.identities) == len(set(page.identities)) and set(page.targets) <= set(page.identities)
    assert page.links and all((folder / link).is_file() for link in page.links)
