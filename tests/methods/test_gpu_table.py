"""`python -m perf.gpu` at small shapes on a CPU: its figures, and that it writes no table that no GPU has measured."""

import math

import pytest

from perf.gpu import DOCUMENT, HEADING, main
from stages.common.files import InputError
from tests.project import ROOT

SMALL = [
    "--device",
    "cpu",
    "--layers",
    "1",
    "--hidden",
    "64",
    "--vocabulary",
    "512",
    "--responses",
    "4",
    "--tokens",
    "8",
]


def test_losses_in_bfloat16_are_near_those_in_float64(monkeypatch, capsys):
    """Of a plain method, which is verl's vanilla loss, and of one that reads logits."""
    monkeypatch.chdir(ROOT)
    costs = {cost.name: cost for cost in main([*SMALL, "--repeats", "1", "grpo", "aent"])}
    assert list(costs) == ["verl", "grpo", "aent"]
    assert math.isclose(costs["grpo"].loss, costs["verl"].loss, rel_tol=1e-12)
    assert math.isclose(costs["grpo"].gradient_error, costs["verl"].gradient_error, rel_tol=1e-3)
    for cost in costs.values():
        # bfloat16 has 8 bits: far from exact, and far from another gradient
        assert 1e-5 < cost.gradient_error < 0.1 and 1e-5 < cost.step_error < 0.5
        assert cost.loss_error < 0.05 and cost.seconds > 0
        assert cost.peak == 0  # no GPU counts
    shown = capsys.readouterr().out
    assert "a CPU" in shown and all(f"| {name} " in shown for name in costs)


def test_only_a_gpu_writes_the_table(monkeypatch):
    monkeypatch.chdir(ROOT)
    before = DOCUMENT.read_bytes()
    with pytest.raises(InputError, match="--write"):
        main([*SMALL, "--write", "grpo"])
    assert DOCUMENT.read_bytes() == before and HEADING in before.decode()


def test_an_unknown_method_is_refused():
    with pytest.raises(InputError, match="'gpro' is no method"):
        main([*SMALL, "gpro"])
