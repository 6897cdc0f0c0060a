"""The published numbers: complete, as printed, refused where wrong, filtered and printed."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from stages import methods
from stages.common.files import InputError
from stages.published.__main__ import main
from stages.published.averages import recompute
from stages.published.schema import AVERAGE, BENCHMARKS, KEY, SCORES, load, load_papers
from stages.published.table import FOLDER, latex, markdown, select

KEYS = {*methods.METHODS, *methods.NOT_IMPLEMENTED}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return load(FOLDER, KEYS)


def test_every_number_of_the_reference_is_there_once(table):
    assert len(table) == 3025 and not table.duplicated(KEY).any()
    assert table["paper"].nunique() == 26
    assert table.groupby("evidence").size().to_dict() == {"derived": 5, "first-hand": 2640, "second-hand": 380}


def test_some_numbers_as_their_sources_print_them(table):
    def value(**wanted):
        rows = table
        for name, key in wanted.items():
            rows = rows[rows[name].isna() if key is None else rows[name] == key]
        assert len(rows) == 1
        return rows["value"].item()

    steer = {"paper": "steer", "table": "Table 3", "benchmark": "aime24", "k": 32}
    assert (value(**steer, method="steer"), value(**steer, method="grpo")) == (36.2, 28.0)
    par = {
        "paper": "par",
        "table": "Table 2",
        "k": 64,
        "benchmark": "aime25",
        "method": "par",
        "variant": "entropy_guided",
    }
    assert (value(**par, metric="avg"), value(**par, metric="pass")) == (15.89, 40.0)
    entropic = {"paper": "entropic", "table": "README off-policy", "benchmark": "math500", "metric": "avg", "k": 8}
    assert value(**entropic, method="entropic", variant="off-policy, P") == 89.8
    abc = {"paper": "abc-grpo", "model": "Qwen3-4B-Base", "benchmark": "amc23_40", "metric": "pass", "k": 64}
    assert (value(**abc, method="grpo"), value(**abc, method_as_printed="ABC-GRPO")) == (95.0, 97.5)
    dropout = {"paper": "grpo-dropout", "model": "Qwen3-4B", "benchmark": AVERAGE}
    assert (value(**dropout, method="kl_cov"), value(**dropout, method_as_printed="GRPODropout")) == (66.13, 65.85)
    stare = {"paper": "stare", "model": "Qwen2.5-Math-7B", "benchmark": "aime25"}
    assert (value(**stare, method="w_reinforce"), value(**stare, method_as_printed="STARE-C2")) == (10.1, 24.2)
    opefo = {"paper": "opefo", "model": "Qwen2.5-Math-7B", "benchmark": "aime24", "metric": "pass", "k": 64}
    assert value(**opefo, method="opefo") == 68.4


def test_only_the_scores_of_released_models_have_a_spread_and_it_is_over_evaluation_seeds(table):
    spread = table[table["spread"].notna()]
    assert set(spread["paper"]) == {"sober-reasoning"} and len(spread) == 66 * 6
    oat = spread[spread["method_as_printed"] == "sail/Qwen2.5-Math-7B-Oat-Zero"].set_index("benchmark_as_printed")
    assert (oat["value"]["AIME24"], oat["spread"]["AIME24"], oat["k"]["AIME24"]) == (28.0, 3.1, 10)
    base = spread[(spread["method"] == "base") & (spread["benchmark"] == "aime24")].set_index("model")
    assert (base["value"]["Qwen2.5-Math-7B"], base["spread"]["Qwen2.5-Math-7B"]) == (20.7, 3.8)


def test_the_instructions_of_ifeval_are_what_par_prints(table):
    """834 instructions, 541 prompts: pass@64 leaves whole ones."""
    rows = table[(table["paper"] == "par") & (table["benchmark_as_printed"] == "IF-Eval") & (table["metric"] == "pass")]
    fits = {
        size: sum(abs(round(value * size / 100) * 100 / size - value) < 0.00501 for value in rows["value"])
        for size in (834, 541)
    }
    assert (len(rows), fits) == (39, {834: 39, 541: 2})
    assert rows["benchmark"].isna().all() and rows["note"].str.contains("1/834").all()


# (paper, table, method as printed, average as printed, metric, k) -> what is printed, what its columns give
DO_NOT_ADD_UP = {
    ("dcpo", "README 8.1", "DAPO", "Avg", "avg", 1): (46.5, 47.60),
    ("dcpo", "README 8.1", "DAPO", "Avg", "avg", 32): (32.4, 32.20),
    ("dcpo", "README 8.2", "GRPO", "Avg", "avg", 1): (36.3, 37.10),
    ("dcpo", "README 8.2", "GRPO", "Avg", "avg", 32): (21.0, 21.20),
    ("dcpo", "README 8.2", "DAPO", "Avg", "avg", 32): (23.1, 22.07),
    ("dcpo", "README 8.2", "DCPO", "Avg", "avg", 1): (37.6, 36.75),
    ("dcpo", "README 8.3", "base", "Avg", "avg", 1): (28.4, 26.75),
    ("dcpo", "README 8.3", "base", "Avg", "avg", 32): (9.3, 9.00),
    ("dcpo", "README 8.3", "DCPO", "Avg", "avg", 32): (45.2, 45.27),
    ("dcpo", "README 8.4", "GRPO", "Avg", "avg", 32): (31.3, 31.23),
    ("dcpo", "README 8.4", "GSPO", "Avg", "avg", 32): (33.5, 33.63),
    ("entropic", "README off-policy", "EntroPIC (P)", "Overall", "pass", 0): (72.2, 72.13),
    ("entropic", "README T=1.0", "EntroPIC", "Overall", "avg", 0): (57.8, 57.45),
    ("entropic", "README T=1.0", "EntroPIC", "Overall", "pass", 0): (74.7, 74.78),
    ("stare", "Table 2", "W-REINF†", "Avg.", "accuracy", 0): (41.6, 41.45),
    ("stare", "Table 2", "STEER†", "Avg.", "accuracy", 0): (49.1, 48.78),
    ("stare", "Table 2", "Base-1.5B†", "Avg.", "accuracy", 0): (50.7, 50.77),
    ("stare", "Table 2", "EntroReg†", "Avg.", "accuracy", 0): (51.9, 51.97),
    ("stare", "Table 2", "CISPO†", "Avg.", "accuracy", 0): (48.4, 47.77),
    ("stare", "Table 2", "KL-Cov†", "Avg.", "accuracy", 0): (56.5, 56.57),
    (
        "gpg",
        "README math ablation (Qwen2.5-Math-7B)",
        "GPG (Fnorm=1 alpha=B/(B-M) beta_th=0.6)",
        "Avg",
        "accuracy",
        0,
    ): (
        48.3,
        48.38,
    ),
}
ENTROPY_MECHANISM = {  # two models: GRPO, Clip-Higher, Clip-Cov, KL-Cov of each
    "Qwen2.5-7B": [(38.6, 39.09), (38.8, 39.84), (40.4, 41.74), (40.6, 41.09)],
    "Qwen2.5-32B": [(45.8, 45.17), (47.2, 46.46), (50.3, 50.63), (52.2, 51.59)],
}


def test_printed_averages_that_are_not_the_mean_of_their_columns(table):
    means = recompute(table)
    assert len(means) == 372
    wrong = means[~means["matches"]].assign(recomputed=lambda rows: rows["recomputed"].round(2))
    par, mechanism = wrong[wrong["paper"] == "par"], wrong[wrong["paper"] == "entropy-mechanism"]
    assert len(par) == 8 and ((par["printed"] - means.loc[par.index, "recomputed"]).abs() < 0.0061).all()
    found = {
        model: list(zip(rows["printed"], rows["recomputed"], strict=True))
        for model, rows in mechanism.groupby("model", sort=False)
    }
    assert found == ENTROPY_MECHANISM
    others = wrong.drop(index=[*par.index, *mechanism.index])
    names = others[["paper", "table", "method_as_printed", "benchmark_as_printed", "metric"]]
    keys = zip(*(names[name] for name in names), others["k"].fillna(0).astype(int), strict=True)
    assert dict(zip(keys, zip(others["printed"], others["recomputed"], strict=True), strict=True)) == DO_NOT_ADD_UP


SIZES = {
    "aime24": 30,
    "aime25": 30,
    "amc23_40": 40,
    "amc_83": 83,
    "math500": 500,
    "minerva_math": 272,
    "olympiadbench_675": 675,
}
IMPOSSIBLE = {
    ("dcpo", "DAPO", "aime25", 14.4),
    ("dcpo", "DCPO", "amc23_40", 82.6),
    ("dcpo", "DCPO", "math500", 82.5),
    ("entropic", "Initial", "aime25", 53.0),
    ("gpg", "GPG (Fnorm=1 alpha=1)", "math500", 76.3),
    ("gpg", "GPG (Fnorm=1 alpha=1)", "olympiadbench_675", 37.4),
    ("gpg", "GRPO", "minerva_math", 30.2),
}


def test_shares_of_a_set_are_multiples_of_one_problem(table):
    """pass@k from k samples, and one sample a problem, leave whole problems: this settles which set a name means."""
    whole = table["paper"] != "opefo"  # its pass@k are estimated from more samples than k
    one = (
        table["metric"].eq("pass") & whole
        | table["metric_as_printed"].eq("zero-shot pass@1")
        | (table["paper"] == "dr-grpo")
    )
    one |= table["k"].eq(1) & (table["paper"] == "dcpo")
    rows = table[one & table["benchmark"].isin(list(SIZES))]
    assert len(rows) > 400
    found = set()
    for row in rows.itertuples():
        step, digits = 100 / SIZES[row.benchmark], 0.005 if row.paper == "par" else 0.05
        if abs(round(row.value / step) * step - row.value) > digits + 1e-9:
            found.add((row.paper, row.method_as_printed, row.benchmark, row.value))
            assert "left as printed" in row.note
    assert found == IMPOSSIBLE


def test_no_paper_is_without_its_facts(table):
    papers = load_papers(FOLDER)
    assert sorted(papers) == sorted(table["paper"].unique())
    runs = table[table["paper"] == "steer"].groupby("table")["runs"].first()
    assert runs["Table 3"] == 2 and runs.drop("Table 3").isna().all()
    assert set(table["protocol"].dropna()) <= {f"{name}-{paper.arxiv}" for name, paper in papers.items()}


def test_a_name_has_one_spelling(table):
    for column in ("model", "train_data", "method"):
        names = table[column].dropna().unique()
        assert len({name.casefold().replace("_", "").replace("-", "") for name in names}) == len(names)
        assert not any("(" in name for name in names)


@pytest.fixture
def copy(tmp_path) -> Path:
    for name in ("dapo.csv", "dapo.yaml"):
        shutil.copy(FOLDER / name, tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "old, new, message",
    [
        (",36,,first-hand", ",136,,first-hand", "line 4: value: a score is in points"),
        (",36,,first-hand", ",high,,first-hand", "line 4: value: input should be a valid number"),
        (",36,,first-hand", ",nan,,first-hand", "line 4: value: input should be a finite number"),
        (",36,,first-hand", ",36,,hearsay", "line 4: evidence"),
        (",grpo,,Naive GRPO,aime24", ",grppo,,Naive GRPO,aime24", "line 3: method 'grppo' is unknown"),
        (",grpo,,Naive GRPO,aime24", ",grpo,,Naive GRPO,aime", "line 3: benchmark 'aime' is unknown"),
        (",Naive GRPO,", ",+Overlong Filtering,", "line 4: the same number as line 3"),
        ("dapo,2503.14476", "DAPO,2503.14476", "line 2: paper is 'DAPO'"),
        ("dapo,2503.14476", "dapo,2503.14477", "line 2: arxiv is 2503.14477"),
        (",aime24,AIME24,", ",average,AIME24,", "line 2: benchmark_as_printed 'AIME24' is an average"),
        ("metric,k,", "metric,samples,", "line 1: the columns must be"),
    ],
)
def test_a_wrong_row_is_named(copy, old, new, message):
    text = (copy / "dapo.csv").read_text()
    assert old in text
    (copy / "dapo.csv").write_text(text.replace(old, new))
    with pytest.raises(InputError, match="dapo.csv " + message.replace("(", r"\(").replace("+", r"\+")):
        load(copy, KEYS)


def test_a_wrong_paper_is_named(copy):
    text = (copy / "dapo.yaml").read_text()
    (copy / "dapo.yaml").write_text(text.replace("steps:", "step:"))
    with pytest.raises(InputError, match=r"dapo.yaml: step"):
        load(copy, KEYS)
    (copy / "dapo.yaml").unlink()
    with pytest.raises(InputError, match=r"dapo.yaml is missing"):
        load(copy, KEYS)


def test_filters_and_files(table, tmp_path, capsys):
    chosen = ["--paper", "par", "--method", "ada_ent_reg", "--benchmark", "aime24", AVERAGE, "--metric", "avg"]
    main(chosen)
    assert capsys.readouterr().out.count("Ada-Ent-Reg") == 6
    files = {kind: tmp_path / f"out.{kind}" for kind in ("csv", "markdown", "latex")}
    main([*chosen, *(part for kind, file in files.items() for part in (f"--{kind}", str(file)))])
    written = pd.read_csv(files["csv"])
    assert len(written) == 6 and set(written["benchmark"]) == {"aime24", AVERAGE}
    assert written["value"].tolist() == table.loc[written_rows(table), "value"].tolist()
    assert files["markdown"].read_text().count("\n| par") == 6
    assert files["latex"].read_text().count(r"\\") == 7 and r"train\_data" in files["latex"].read_text()
    assert capsys.readouterr().out == ""


def written_rows(table: pd.DataFrame) -> pd.Series:
    named = (table["paper"] == "par") & (table["method"] == "ada_ent_reg") & (table["metric"] == "avg")
    return named & table["benchmark"].isin(["aime24", AVERAGE])


def test_a_filter_without_rows_is_named(table):
    with pytest.raises(InputError, match=r"--method: 'stear' stands in no row; known are .*steer"):
        select(table, {"method": ["stear"]})
    with pytest.raises(InputError, match="no number is published for --paper dapo, --benchmark math500 together"):
        select(table, {"paper": ["dapo"], "benchmark": ["math500"]})


def test_text_keeps_the_printed_digits(table):
    row = table[(table["paper"] == "par") & (table["value"] == 0.36570)]
    assert "0.3657" in markdown(row) and "0.3657" in latex(row)


def test_special_characters_are_escaped(table):
    row = table.head(1).assign(note="a|b & 50% of {x}_1 < $2", table="T#1~2^3")
    assert r"a\|b & 50% of {x}_1 < $2" in markdown(row) and "T#1~2^3" in markdown(row)
    text = latex(row)
    assert r"a|b \& 50\% of \{x\}\_1 \ensuremath{<} \$2" in text and r"T\#1\textasciitilde{}2\^{}3" in text
    assert all(rule in text for rule in (r"\toprule", r"\midrule", r"\bottomrule"))


def test_scores_are_points_and_benchmarks_are_known(table):
    scores = table[table["metric"].isin(SCORES)]
    assert scores["value"].between(0, 100).all()
    assert set(table["benchmark"].dropna()) <= {AVERAGE, *BENCHMARKS}
