"""All benchmarks as a Markdown table: `python -m stages.benchmarks`."""

from stages.benchmarks import BENCHMARKS, find
from stages.common.command import expect, run_stage

COLUMNS = ("benchmark", "source", "prompt", "answer in", "grader", "k", "papers call it")


def rows() -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for key in BENCHMARKS:
        one = find(key)
        names = ", ".join(f"{name} (ambiguous)" if name in one.ambiguous else name for name in one.called)
        prompt = one.prompt or "the protocol's"
        found.append((key, one.source, prompt, one.answer_in, one.grader, str(one.samples), names or "–"))
    return found


def main(arguments: list[str]) -> None:
    expect(arguments, "stages.benchmarks")
    for row in (COLUMNS, ("---",) * len(COLUMNS), *rows()):
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    run_stage(main)
