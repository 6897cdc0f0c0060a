"""The registry of benchmarks: the key in a protocol or in `params.yaml` is the module of that name.

To add one, write `stages/benchmarks/<key>.py` with a BENCHMARK and put its key here; problems that are not generated
need a source in `data/sources.yaml`. A new key changes no run. Once a profile evaluates it, the profile's models are
sampled again; what is stored of the other benchmarks' samples is taken as it is. `python -m stages.benchmarks` prints
the table of all.
"""

from importlib import import_module

from stages.benchmarks.base import BOXED, Benchmark
from stages.common.files import InputError

BENCHMARKS = (
    "aime24",
    "aime25",
    "amc23_40",
    "amc_83",
    "math500",
    "minerva_math",
    "olympiadbench_675",
    "olympiadbench_674",
    "gsm8k",
    "humaneval",
    "humanevalplus",
    "mbpp",
    "mbppplus",
    "livecodebench",
    "ifeval",
    "lab_sum",
    "lab_chain",
    "lab_code",
)


OWN = "own_"  # begins the names of a profile's own data sets (data.own)


def is_benchmark(key: str) -> bool:
    return key in BENCHMARKS or key.startswith(OWN)


def find(key: str) -> Benchmark:
    """The benchmark of that key; InputError lists the known ones. k, grader and prompt of an own one are the profile's."""
    if key.startswith(OWN):
        return Benchmark(
            title=f"{key.removeprefix(OWN)} (own)", source=key, answer_in=BOXED, grader="math_verify", samples=1
        )
    if key not in BENCHMARKS:
        raise InputError(f"unknown benchmark {key}; known are {', '.join(BENCHMARKS)}")
    return import_module(f"stages.benchmarks.{key}").BENCHMARK


def variants(key: str) -> list[str]:
    """The other benchmarks that a paper may mean by the same name."""
    family = find(key).family
    return [other for other in BENCHMARKS if family and other != key and find(other).family == family]
