"""OlympiadBench as the hub has it (Hothan/OlympiadBench, OE_TO_maths_en_COMP), 674 problems, checksum not known."""

from stages.benchmarks.base import BOXED, Benchmark

BENCHMARK = Benchmark(
    title="OlympiadBench (674)",
    source="olympiadbench_674",
    answer_in=BOXED,
    grader="math_verify",
    samples=4,
    called=("Olympiad", "OlympiadBench"),
    ambiguous=("Olympiad", "OlympiadBench"),
    family="olympiadbench",
    unusable=(
        "the sha256 of the hub's file at revision 3b426ee1d587c71b495146dde9f3e995ee7ac59f is not known, and no file "
        "is used without one; enter it with a reader in data/sources.yaml and remove this line, or take olympiadbench_675"
    ),
)
