"""The reward function that verl calls for each response: 1 for a correct answer, 0 otherwise."""

from stages.rewards import judge


def compute_score(data_source: str, solution_str: str, ground_truth: str, extra_info=None, **kwargs) -> dict:
    verdict = judge(data_source, solution_str, ground_truth)
    return {"score": float(verdict.correct), "acc": float(verdict.correct), "answer": verdict.answer or ""}
