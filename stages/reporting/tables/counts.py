"""What became of the samples, and where graders disagree. Pure."""

import math

import pandas as pd

from stages.artifacts.grades import OF_SAMPLES, of_samples
from stages.reporting.inputs.results import Results
from stages.statistics.calibration import BINS


def sample_counts(results: Results) -> pd.DataFrame:
    """What became of the samples: run, method, benchmark, problems, k, counts, mean_length (tokens), `OF_SAMPLES`.

    `limits` counts programs that a limit other than time ended: memory, output, processes or files.
    `excluded` is always 0: what cannot be judged is wrong and stays in. `disagreeing` counts samples that an
    alternative grader judges otherwise; it is empty where none was asked, as what was not measured is.
    """
    method = {run.name: run.method for run in results.runs}
    rows = [
        {
            "run": run,
            "method": method[run],
            "benchmark": benchmark,
            "problems": len(graded.ids),
            "k": graded.correct.shape[1],
            "samples": graded.correct.size,
            "correct": int(graded.correct.sum()),
            "truncated": int(graded.truncated.sum()),
            "no_answer": graded.count("no answer"),
            "timeouts": graded.count("timeout"),
            "limits": graded.count("limit"),
            "errors": graded.count("error"),
            "excluded": 0,
            "disagreeing": int(graded.disagree.sum()) if graded.alternatives else None,
            "mean_length": float(graded.tokens.mean()),
            **{name: of_samples(graded.score).get(name) for name in OF_SAMPLES},
        }
        for (run, benchmark), graded in results.grades.items()
    ]
    columns = ["run", "method", "benchmark", "problems", "k", "samples", "correct", "truncated", "no_answer"]
    columns += ["timeouts", "limits", "errors", "excluded", "disagreeing", "mean_length", *OF_SAMPLES]
    return pd.DataFrame(rows, columns=columns).astype({"disagreeing": "Int64"})


def reliability_bins(results: Results) -> pd.DataFrame:
    """Of each model and benchmark, over its seeds, the bins of the vote over samples: method, benchmark, bin (its number from
    1), problems, confidence (mean vote share), right (share of problems whose vote is right).
    """
    method = {run.name: run.method for run in results.runs}
    rows = [
        (method[run], benchmark, math.ceil(part.confidence * BINS - 1e-9), part.problems, part.confidence, part.right)
        for (run, benchmark), graded in results.grades.items()
        for part in graded.score.reliability or []
    ]
    columns = ["method", "benchmark", "bin", "problems", "confidence", "right"]
    found = pd.DataFrame(rows, columns=columns)
    weighted = found.assign(**{name: found[name] * found["problems"] for name in ("confidence", "right")})
    sums = weighted.groupby(["method", "benchmark", "bin"], sort=False).sum().reset_index()
    return sums.assign(**{name: sums[name] / sums["problems"] for name in ("confidence", "right")})[columns]


def disagreements(results: Results) -> pd.DataFrame:
    """Alternative graders against the one that counts: run, benchmark, grader, alternative and the four counts."""
    rows = [
        {"run": run, "benchmark": benchmark, "grader": graded.score.grader, "alternative": alternative, **counts}
        for (run, benchmark), graded in results.grades.items()
        for alternative, counts in graded.score.disagreement.items()
    ]
    columns = ["run", "benchmark", "grader", "alternative"]
    return pd.DataFrame(rows, columns=[*columns, "both_right", "only_primary", "only_alternative", "both_wrong"])
