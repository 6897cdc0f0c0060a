"""What became of the samples, and where graders disagree. Pure."""

import pandas as pd

from stages.reporting.inputs.results import Results


def sample_counts(results: Results) -> pd.DataFrame:
    """What became of the samples: run, method, benchmark, problems, k, counts, mean_length (tokens), diversity.

    `limits` counts programs that a limit other than time ended: memory, output, processes or files.
    `excluded` is always 0: what cannot be judged is wrong and stays in. `disagreeing` counts samples that an
    alternative grader judges otherwise; it is empty where none was asked, as diversity is where none was measured.
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
            "distinct_1_to_5": graded.score.diversity.get("distinct_1_to_5"),
            "answers_per_problem": graded.score.diversity.get("answers_per_problem"),
        }
        for (run, benchmark), graded in results.grades.items()
    ]
    columns = ["run", "method", "benchmark", "problems", "k", "samples", "correct", "truncated", "no_answer"]
    columns += ["timeouts", "limits", "errors", "excluded", "disagreeing", "mean_length", "distinct_1_to_5"]
    return pd.DataFrame(rows, columns=[*columns, "answers_per_problem"]).astype({"disagreeing": "Int64"})


def disagreements(results: Results) -> pd.DataFrame:
    """Alternative graders against the one that counts: run, benchmark, grader, alternative and the four counts."""
    rows = [
        {"run": run, "benchmark": benchmark, "grader": graded.score.grader, "alternative": alternative, **counts}
        for (run, benchmark), graded in results.grades.items()
        for alternative, counts in graded.score.disagreement.items()
    ]
    columns = ["run", "benchmark", "grader", "alternative"]
    return pd.DataFrame(rows, columns=[*columns, "both_right", "only_primary", "only_alternative", "both_wrong"])
