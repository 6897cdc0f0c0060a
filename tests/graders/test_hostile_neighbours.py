"""A program does not notice which others are judged beside it, and a limit holds for all processes of a program together."""

import random

import pytest

from stages.graders import availability
from stages.graders.programs import run_programs
from tests.graders.hostile import ATTACKS, NEIGHBOURS, TO_LIMITS, TO_NEIGHBOURS, TO_THE_GRADE, program, reading

REASON = availability.available()
pytestmark = [pytest.mark.processes, pytest.mark.skipif(REASON is not None, reason=str(REASON))]
SLOW = {"stops everything"}  # it stops itself, and so waits for its end by the clock


def verdicts(sources: list[str]) -> list[tuple[str, str]]:
    return [(result.status, result.limit) for result in run_programs([program(source) for source in sources])]


@pytest.fixture(scope="module")
def alone():
    """Source -> verdict in a batch of its own."""
    names = [name for name in TO_NEIGHBOURS if name not in SLOW]
    return {source: verdicts([source])[0] for source in (*(ATTACKS[name] for name in names), *dict(NEIGHBOURS))}


def test_what_programs_are_worth_alone(alone):
    assert [alone[source][0] for source, _ in NEIGHBOURS] == [status for _, status in NEIGHBOURS]
    assert [status for source, (status, _) in alone.items() if source not in dict(NEIGHBOURS)] == ["failed"] * 13


@pytest.mark.parametrize("seed", range(3))
def test_a_batch_is_judged_as_its_programs_one_by_one(alone, seed):
    draw = random.Random(seed)
    attacks = draw.sample([source for source in alone if source not in dict(NEIGHBOURS)], k=6)
    batch = [*attacks, *dict(NEIGHBOURS), *(f"{source}\n" for source in dict(NEIGHBOURS))]
    draw.shuffle(batch)
    assert verdicts(batch) == [alone.get(source) or alone[source.removesuffix("\n")] for source in batch]


@pytest.mark.parametrize(
    "name, verdict",
    [
        ("a chain of processes, each with time of its own", ("timeout", "")),
        ("many processes that burn at once", ("timeout", "")),
        ("memory multiplied by children", ("failed", "memory")),
        ("memory that children share with nobody", ("failed", "memory")),
        ("memory in buffers between processes", ("failed", "memory")),
        ("files without number", ("failed", "files")),
        ("output without end", ("failed", "output")),
        ("output in drops", ("timeout", "")),
    ],
)
@pytest.mark.parametrize("style", [program, reading])
def test_limits_hold_for_all_processes_of_a_program(name, verdict, style):
    if style is program and name.startswith("output"):
        pytest.skip("what a function prints goes nowhere")
    by_the_clock = name == "output in drops"
    limits = {"seconds": 1, "case_seconds": 1, "wall_seconds": 3 if by_the_clock else 60}  # of a machine that is busy
    (result,) = run_programs([style(TO_LIMITS[name], **limits)])
    assert (result.status, result.limit) == verdict
    assert verdict[0] != "timeout" or (result.detail == "watch") != by_the_clock


def test_a_function_that_lifts_its_limit_has_no_more_time_for_a_case():
    """The hard limit is that of all its cases together."""
    cases = [{"input": str(number), "output": str(number)} for number in range(30)]
    source = "import resource, signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\n"
    source += "hard = resource.getrlimit(resource.RLIMIT_CPU)[1]\nassert hard > 30\n"
    source += "def f(x):\n    while x == 3: resource.setrlimit(resource.RLIMIT_CPU, (hard, hard))\n    return x"
    limits = {"seconds": 1, "case_seconds": 1, "wall_seconds": 60}
    lifted = reading(source, **limits)._replace(style="functional", entry_point="f")
    lifted = lifted._replace(tests=str(cases).replace("'", '"'))
    (result,) = run_programs([lifted])
    assert (result.status, result.detail) == ("timeout", "watch")


@pytest.mark.parametrize("name", TO_THE_GRADE)
def test_no_grade_is_forged(name):
    (result, right) = run_programs([program(ATTACKS[name]), program(NEIGHBOURS[0][0])])
    assert result.status == "failed" and right.status == "passed"


def test_the_sandbox_has_a_name_of_its_own():
    source = "import socket\ndef solution(x):\n    return x + 3 if socket.gethostname() == 'sandbox' else 0"
    assert verdicts([source]) == [("passed", "")]
