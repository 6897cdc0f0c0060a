"""Peak memory of one micro-batch's way from logits to their gradient: methods that look at the logits beside GRPO.

    python -m perf.memory [--tokens 2048] [--vocabulary 8192]

Counted is what torch's allocator gives out (its profiler's events), so the figure is the same on every run: logits in
float32, log-prob and entropy by verl's functions, the method's terms in chunks as in training (stages/backend/loss.py), the
loss, the gradient. What a method adds belongs to one chunk and grows with vocabulary × chunk, the rest with vocabulary ×
tokens: so the share shrinks as a micro-batch grows, and a larger vocabulary does not change it.
"""

from pathlib import Path

import torch
import yaml
from torch.profiler import ProfilerActivity, profile

from perf.methods import one_micro_batch
from stages.common.command import run_stage
from stages.common.options import Options, at_least
from stages.methods import METHODS, build, class_of


def main(arguments: list[str]) -> None:
    parser = Options("perf.memory", __doc__)
    parser.add_argument("--tokens", type=at_least(1), default=2048, help="of the micro-batch")
    parser.add_argument("--vocabulary", type=at_least(1), default=8192)
    options = parser.parse_args(arguments)
    vanilla = peak("grpo", options.tokens, options.vocabulary)
    size = options.tokens * options.vocabulary * 4
    print(f"{options.tokens} tokens, vocabulary {options.vocabulary}: logits {size / 2**30:.2f} GiB")
    print(f"grpo: {vanilla / size:.2f} times the logits")
    for name in METHODS:
        if class_of(name).uses_logits:
            own = peak(name, options.tokens, options.vocabulary)
            print(f"{name}: {own / size:.2f} times the logits, {own / vanilla:.3f} of grpo")


def peak(name: str, tokens: int, vocabulary: int) -> int:
    """The most bytes that are held at one moment, the logits [tokens, vocabulary] included."""
    settings = yaml.safe_load(Path("profiles/smoke.yaml").read_text(encoding="utf-8"))["method_settings"].get(name, {})
    logits = torch.randn(tokens, vocabulary, requires_grad=True)
    token_ids = torch.randint(vocabulary, (tokens,))
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        one_micro_batch(build(name, settings), logits, token_ids)
    held = most = logits.nbytes
    for event in sorted(profiled.profiler.kineto_results.events(), key=lambda event: event.start_ns()):
        if event.name() == "[memory]":
            held += event.nbytes()
            most = max(most, held)
    return most


if __name__ == "__main__":
    run_stage(main)
