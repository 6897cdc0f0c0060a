"""The report from small made-up results: its numbers, its silence on undeclared runs, its bytes, what stands beside the page."""

import csv
import json
import math
import platform
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from scipy.stats import norm, t, ttest_rel
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower

from stages.artifacts.manifest import to_json
from stages.common.files import read_json, read_jsonl, write_json, write_jsonl
from stages.protocols.differences import Difference
from stages.report import build_report, measure
from stages.reporting.figures.models import CROWD
from stages.reporting.inputs.results import load
from stages.reporting.side_files.origin import origin
from tests.report_results import REASON, entry, right, text_of, write_results

K, PROBLEMS = 4, 6


def average_and_error(number: int) -> tuple[float, float]:
    """avg@k and its one-model standard error, by the formula of the statistics, without the project's functions."""
    shares = right(PROBLEMS, K, number) / K
    return shares.mean(), math.sqrt((shares * (1 - shares)).sum() / (K - 1)) / PROBLEMS


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def report(results: Path, profile: str = "smoke") -> Path:
    build_report(results, profile)
    return results / profile / "report"


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Path:
    """The report of the results as `write_results` makes them; tests read it."""
    folder = tmp_path_factory.mktemp("results")
    write_results(folder)
    return report(folder)


def test_scores_and_intervals_of_one_seed(plain):
    found = {(row["run"], row["metric"], int(row["k"])): row for row in rows_of(plain / "tables" / "scores_by_run.csv")}
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
    gain = next(row for row in rows_of(plain / "tables" / "gains.csv") if row["benchmark"] == "lab_sum")
    assert (gain["interval"], gain["seeds"]) == ("paired samples", "1")
    pairs = np.subtract(*(np.arange(K) < right(PROBLEMS, K, number)[:, None] for number in (2, 1)), dtype=float)
    error = math.sqrt(pairs.var(axis=1, ddof=1).sum() / K) / PROBLEMS
    assert float(gain["value"]) == pytest.approx(pairs.mean())
    assert float(gain["high"]) == pytest.approx(pairs.mean() + 1.959964 * error, abs=1e-6)
    assert float(gain["p"]) == pytest.approx(2 * norm.sf(abs(pairs.mean()) / error))
    assert "paired by seed" not in text_of(plain) and "“paired samples”: the sampling noise" in text_of(plain)


def test_several_seeds_give_each_method_its_own_interval(tmp_path):
    write_results(tmp_path, seeds=(1, 2, 3))
    folder = report(tmp_path)
    rows = rows_of(folder / "tables" / "scores_by_method.csv")
    found = {row["method"]: row for row in rows if row["metric"] == "avg"}
    means = np.array([average_and_error(number)[0] for number in range(1, 7)]).reshape(2, 3)  # grpo, par
    for method, seeds in zip(("grpo", "par"), means, strict=True):
        half = t.ppf(0.975, 2) * seeds.std(ddof=1) / math.sqrt(3)
        assert float(found[method]["value"]) == pytest.approx(seeds.mean())
        assert float(found[method]["low"]) == pytest.approx(seeds.mean() - half)
        assert (found[method]["interval"], found[method]["seeds"]) == ("seeds", "3")
    assert (found["base"]["interval"], found["base"]["seeds"]) == ("one model", "1")
    test = ttest_rel(means[1], means[0])
    paired = test.confidence_interval()
    for row in rows_of(folder / "tables" / "gains.csv"):
        assert (float(row["low"]), float(row["high"])) == pytest.approx((paired.low, paired.high))
        assert float(row["p"]) == pytest.approx(test.pvalue) == pytest.approx(float(row["p_holm"]))  # one gain a family
    text = text_of(folder)
    assert "“seeds”: mean ± t·sd/√3" in text and "| grpo | seeds | " in text and "paired samples" not in text


def test_gains_are_found_and_withdrawn_in_families(tmp_path):
    """Five methods, of which one is far ahead and four are where chance puts them."""
    methods = ("grpo", "far", *(f"m_{i}" for i in range(4)))
    noise = np.random.default_rng(3).normal(0, 0.01, size=(len(methods), 3))

    def share(run: str, benchmark: str) -> float:
        if run == "base":
            return 0.3
        method, _, seed = run.rpartition("-")
        return float(np.clip(0.4 + 0.3 * (method == "far") + noise[methods.index(method), int(seed) - 1], 0, 1))

    write_results(tmp_path, methods=methods, seeds=(1, 2, 3), benchmarks={"lab_sum": 500}, share=share)
    folder = report(tmp_path)
    rows = [row for row in rows_of(folder / "tables" / "gains.csv") if row["benchmark"] == "average of benchmarks"]
    ps = [float(row["p"]) for row in rows]
    assert [float(row["p_holm"]) for row in rows] == pytest.approx(list(multipletests(ps, method="holm")[1]))
    alone, after = sum(p < 0.05 for p in ps), sum(float(row["p_holm"]) < 0.05 for row in rows)
    text = text_of(folder)
    assert (
        f"Of {2 * len(ps)} with an interval {2 * alone} exclude zero each by itself; {2 * after} do after Holm's"
        in text
    )
    assert ("Withdrawn by the correction" in text) == (alone > after)
    assert f"{'single benchmarks: far on' if after else 'single benchmarks.'}" in text


def test_what_the_seeds_resolve_stands_beside_the_scores(tmp_path):
    write_results(tmp_path, seeds=(1, 2, 3))
    folder = report(tmp_path)
    row = rows_of(folder / "tables" / "resolution.csv")[0]
    means = 100 * np.array([average_and_error(number)[0] for number in range(1, 7)]).reshape(2, 3)
    sd = (means[1] - means[0]).std(ddof=1)
    assert float(row["sd_gain"]) == pytest.approx(sd)
    least = float(row["least_gain"])
    assert TTestPower().power(least / sd, 3, 0.05) == pytest.approx(0.8, abs=1e-3)
    assert f"What 3 seeds can resolve: a true gain over GRPO of {least:.1f} points" in text_of(folder)


def test_one_seed_resolves_no_difference_between_methods(plain):
    assert rows_of(plain / "tables" / "resolution.csv") == []
    assert "One training seed shows no variance of training, so it resolves no difference" in text_of(plain)


def test_report_says_what_ran(tmp_path):
    overrides = [
        Difference(field="prompt", ours="plain", theirs="boxed", known=True),
        Difference(field="top_k", ours="-1", theirs="unknown", known=False),
    ]
    write_results(tmp_path, protocol_overrides=overrides)
    folder = report(tmp_path)
    text = text_of(folder)
    average, error = average_and_error(0)
    low, high = 100 * (average - 1.959964 * error), 100 * (average + 1.959964 * error)
    assert f"| base | one model | {100 * average:.1f} [{low:.1f}, {high:.1f}]" in text
    assert f"`lab_code` was not run: {REASON}" in text
    assert "Training variance unknown" in text and "vLLM 0.28.0 for CPU; the GPU lock pins vLLM 0.24.0" in text
    assert "| unless said otherwise | clip_ratio_high 0.2 |" in text and "| grpo | · |" in text
    assert "| par | threshold 0.125 |" in text and "| verl | 0.9.1 | 0.9.1 | · |" in text
    assert "| top_p | 1 |" in text and "| prompt | plain | boxed | yes |" in text and "| 1 | 1001 | 300 | 4 |" in text
    assert "The profile overrides protocol `bench` in `prompt`." in text
    assert "Protocol `bench` does not state `top_k`: whether ours differs there cannot be told." in text
    assert "found in the training data: `train/lab.parquet` not counted (3 training problems dropped)." in text
    cut, silent = 3 * PROBLEMS, sum(int((right(PROBLEMS, K, number) == 0).sum()) for number in range(3))
    assert f"Of {3 * PROBLEMS * K} samples {cut} reached the token limit, {silent} gave no answer" in text
    assert f"A second grader contradicts the grade of {cut}." in text
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["base"]["lab_sum"]["avg_at_4"] == pytest.approx(average)


def test_released_model_is_a_row_without_training(tmp_path):
    write_results(tmp_path, released=["steer-released"])
    folder = report(tmp_path)
    rows = rows_of(folder / "tables" / "scores_by_method.csv")
    row = next(row for row in rows if (row["method"], row["metric"]) == ("steer-released", "avg"))
    assert float(row["value"]) == pytest.approx(average_and_error(1)[0]) and row["interval"] == "one model"
    assert "steer-released" not in {row["method"] for row in rows_of(folder / "tables" / "gains.csv")}
    text = text_of(folder)
    assert "Not trained here, so training variance unknown: `steer-released`" in text


def test_manifest_s_contamination_is_shown(tmp_path):
    folder = write_results(tmp_path)
    manifest = read_json(folder / "data/manifest.json")
    found = {"aime24": {"same_text": 2, "contained": 5}, "math500": {"same_text": 1, "contained": 1}}
    training = {
        "train/dapo.parquet": entry({"stands in an evaluation set": 7}, found),
        "train/other.parquet": entry(),
    }
    write_json(folder / "data/manifest.json", manifest | to_json(training))
    text = text_of(report(tmp_path))
    assert "`train/dapo.parquet` aime24 5, math500 1 (7 training problems dropped); " in text
    assert "`train/other.parquet` not counted (0 training problems dropped)" in text
    assert "| aime24 | 5 | 2 |" in text and "`data/contamination.csv`" in text


def test_dropped_groups_and_absent_graders_are_warned_of(tmp_path):
    folder = write_results(tmp_path)
    path = folder / "train/par-1/steps.jsonl"
    write_jsonl(path, [row | {"dropped_groups": n} for n, row in enumerate(list(read_jsonl(path)), 2)])
    scores = folder / "grades/par-1/scores.json"
    content = read_json(scores)
    content["lab_sum"]["alternatives"] = {"exact_box": "1", "dapo": "not run: no such thing"}
    write_json(scores, content)
    text = text_of(report(tmp_path))
    assert "Training prompts longer than `train.max_prompt_tokens` (32), which were not trained on: 4." in text
    assert "dropped groups of responses (par 3.0 a step, mean over steps)" in text and "groups that were kept" in text
    assert "`lab_sum` has no second grade by `dapo`: not run: no such thing" in text
    assert "lab_sum: math_verify against exact_box" in text


def test_gaps_of_log_probs_are_taken_seed_by_seed(tmp_path):
    """A step without wrong responses has no log-prob of theirs: its seed has no gap."""
    folder = write_results(tmp_path, seeds=(1, 2, 3))
    for seed, (likely, unlikely) in {1: (-0.5, None), 2: (-0.3, -0.6), 3: (-0.1, -0.2)}.items():
        path = folder / f"train/grpo-{seed}/steps.jsonl"
        rows = list(read_jsonl(path))
        rows[-1] |= {"log_prob_correct": likely, "log_prob_incorrect": unlikely}
        rows[-1] = {name: value for name, value in rows[-1].items() if value is not None}
        write_jsonl(path, rows)
    found = measure(load(tmp_path, "smoke"))["prices"].set_index("method").loc["grpo"]
    assert found["log_prob_gap"] == pytest.approx(0.2)


def test_a_row_of_fewer_seeds_says_so(tmp_path):
    folder = write_results(tmp_path, seeds=(1, 2, 3))
    path = folder / "grades/par-2/scores.json"
    absent = {"status": "not run: no sandbox", "problems": 6, "k": 4, "rows": 24}
    write_json(path, read_json(path) | {"lab_sum": absent})
    text = text_of(report(tmp_path))
    assert "seeds, 2 of 3 seeds" in text


def test_undeclared_runs_are_named_and_not_read(tmp_path):
    folder = write_results(tmp_path)
    for part in ("train", "samples", "grades"):
        (folder / part / "steer-9").mkdir()
        (folder / part / "steer-9" / "steps.jsonl").write_text("not JSON", encoding="utf-8")
    text = text_of(report(tmp_path))
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
    folder = write_results(tmp_path, backend={"platform": "cuda", "dtype": "bfloat16", "devices": 8})
    report(tmp_path)
    row = next(row for row in rows_of(folder / "hours.csv") if row["run"] == "par-1")
    assert (float(row["step"]), float(row["sampling"]), row["devices"]) == (3.0, 1.5, "8")
    assert "results/smoke/hours.csv" in text_of(folder / "report")


def test_commit_machine_and_gpus_stand_beside_the_report(tmp_path, monkeypatch):
    folder = write_results(tmp_path)
    report(tmp_path)
    found = read_json(folder / "origin.json")
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    assert found["commit"].split(",")[0] == head and platform.node() in found["machine"] and int(found["cores"]) > 0
    assert "results/smoke/origin.json" in text_of(folder / "report")
    tracked = "".join(path.read_text(encoding="utf-8") for path in (folder / "report").rglob("*") if path.is_file())
    assert head not in tracked and found["machine"] not in tracked
    driver = tmp_path / "bin" / "nvidia-smi"
    driver.parent.mkdir()
    driver.write_text("#!/bin/sh\nprintf 'NVIDIA H100, 81559 MiB, 580.1\\nNVIDIA H100, 81559 MiB, 580.1\\n'\n")
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", f"{driver.parent}:/usr/bin:/bin")
    monkeypatch.chdir(tmp_path)
    assert origin()["gpus"] == "2 × NVIDIA H100, 81559 MiB, 580.1"
    assert origin()["commit"] == "unknown, as this is no git repository"
    driver.write_text("#!/bin/sh\nexit 9\n")
    assert origin()["gpus"] == "none"


def test_profile_without_a_published_setting_is_not_compared(plain):
    text = text_of(plain)
    assert "so it is not compared with published numbers" in text and "0.15 % of the tokens are clipped" in text
    assert not (plain / "tables" / "published.csv").exists()


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


def test_page_is_whole_and_fetches_nothing(plain):
    page = Page((plain / "index.html").read_text(encoding="utf-8"))
    assert all(address.startswith("data:") for address in page.fetched)
    assert len(page.identities) == len(set(page.identities)) and set(page.targets) <= set(page.identities)
    assert page.links and all((plain / link).is_file() for link in page.links)
