"""The report says which runs are trained on another set than the others."""

from stages.report import build_report
from stages.reporting.inputs.results import load
from stages.reporting.sections.notices import notices
from stages.reporting.sections.trust import trust_section
from stages.reporting.tables.controls import pairs
from stages.reporting.tables.counts import sample_counts
from stages.reporting.tables.settings import settings
from tests.report_results import text_of, write_results

METHODS = ("grpo", "grpo_part", "par")


def written(folder, datasets, methods=METHODS, **fields):
    write_results(folder, methods=methods, datasets=datasets, **fields)
    return load(folder, "smoke")


def said(results):
    """What is noticed of training sets, and the tables of settings: name -> rows."""
    counts = sample_counts(results)
    tables = {block.name: block for block in trust_section(results, counts).blocks if hasattr(block, "groups")}
    rows = {name: [row for _, own in tables[name].groups for row in own] for name in ("settings", "method_settings")}
    return [notice.text for notice in notices(results, counts) if "Runs differ" in notice.text], rows


def test_runs_of_two_sets_are_named_with_theirs(tmp_path):
    results = written(tmp_path, {"grpo_part": "part"})
    sentences, tables = said(results)
    assert len(sentences) == 1 and "`grpo_part` on `part`; all others on `lab`." in sentences[0]
    assert "train.dataset" not in dict(tables["settings"])
    shared, *own = tables["method_settings"]
    assert "dataset lab" in shared[1]
    assert ["grpo_part", "dataset part"] in own and all("dataset" not in row[1] for row in own if row[0] != "grpo_part")
    listed = dict(settings(results).itertuples(index=False))
    assert (listed["method.grpo_part.dataset"], listed["method.par.dataset"]) == ("part", "lab")
    build_report(tmp_path, "smoke")
    assert "Runs differ in what they are trained on: `grpo_part` on `part`" in text_of(tmp_path / "smoke/report")


def test_a_partial_report_says_it_of_the_runs_that_are_there(tmp_path):
    written(tmp_path, {"grpo_part": "part"})
    (tmp_path / "smoke/grades/grpo_part-1/scores.json").unlink()
    sentences, tables = said(load(tmp_path, "smoke", partial=True))
    assert sentences == [] and dict(tables["settings"])["train.dataset"] == "lab"


def test_runs_of_one_set_share_it(tmp_path):
    results = written(tmp_path, {})
    sentences, tables = said(results)
    assert sentences == [] and dict(tables["settings"])["train.dataset"] == "lab"
    assert "dataset" not in str(tables["method_settings"])
    assert not any(name.endswith(".dataset") and name != "train.dataset" for name in settings(results)["setting"])


def test_a_control_is_of_a_run_on_the_same_set(tmp_path):
    methods = ("clip_cov", "clip_cov_part", "clip_cov_random")
    fields = {
        "method_of": dict.fromkeys(methods, "clip_cov"),
        "method_settings": {
            f"{name}-1": {"control": "random_same_count" if name.endswith("random") else "none"} for name in methods
        },
    }
    for number, (datasets, expected) in enumerate(
        [
            ({"clip_cov_part": "part"}, "clip_cov"),
            ({"clip_cov_part": "part", "clip_cov_random": "part"}, "clip_cov_part"),
            ({"clip_cov_random": "part"}, None),
        ]
    ):
        results = written(tmp_path / str(number), datasets, methods, **fields)
        assert pairs(results) == {"clip_cov_random": expected}
