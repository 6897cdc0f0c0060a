"""What a profile samples: how many models, on which benchmarks, how often."""

from typing import NamedTuple

from stages.benchmarks import find
from stages.datasets.laboratory import LAB_BENCHMARKS
from stages.datasets.sources import SOURCES, load_sources
from stages.lab.problems import LEVELS
from stages.profile.checkpoints import candidates
from stages.profile.effective_protocol import effective_protocol
from stages.profile.params import Params
from stages.profile.read_once import read_once
from stages.protocols.checkpoint import checkpoint_rule


class Evaluated(NamedTuple):
    """What is sampled of `models` models on one benchmark."""

    models: int
    benchmark: str
    k: int
    problems: int | None  # None where only preparation can tell


def evaluated(params: Params) -> list[Evaluated]:
    """The last checkpoints, the base model, released ones and what rules choose, on all benchmarks; and every checkpoint on
    those that a rule looks at, the last one aside, whose samples are there.
    """
    protocol = effective_protocol(params.evaluation, params.data.prompt, len(params.seeds))
    runs = len(params.methods) * len(params.seeds)
    models = 1 + len(params.models) + runs * (1 + len(params.checkpoints))
    found = [(models, name) for name in protocol.samples]
    for text in params.checkpoints.values():
        rule = checkpoint_rule(text)
        found += [(runs * (len(candidates(rule, params.train)) - 1), name) for name in rule.benchmarks]
    return [Evaluated(count, name, protocol.samples[name], problems_of(name, params)) for count, name in found]


def problems_of(benchmark: str, params: Params) -> int | None:
    if benchmark in LAB_BENCHMARKS and params.data.lab:
        return len(LEVELS) * params.data.lab.test_per_level
    source = read_once(load_sources, SOURCES).get(find(benchmark).source)
    return source.usable[0].rows // source.usable[0].copies if source else None


def evaluation_tokens(params: Params) -> dict[str, int]:
    """Benchmark -> prompts and responses of all models, in tokens, at most; 0 where the size is not known."""
    protocol = effective_protocol(params.evaluation, params.data.prompt, len(params.seeds))
    longest = (params.evaluation.max_prompt_tokens or params.train.max_prompt_tokens) + protocol.max_tokens
    found = dict.fromkeys(protocol.samples, 0)
    for each in evaluated(params):
        found[each.benchmark] += each.models * (each.problems or 0) * each.k * longest
    return found
