"""Peak memory of one micro-batch's way from logits to their gradient: methods that look at the logits beside GRPO.

    python -m benchmarks.memory [--tokens 2048] [--vocabulary 32768]

Each is a process of its own, so that its peak is its own: logits in float32, log-prob and entropy by verl's functions, the
method's terms in chunks as in training (stages/backend/loss.py), the loss, the gradient. What a method adds belongs to one
chunk and grows with vocabulary × chunk, the rest with vocabulary × tokens: so the share shrinks as a micro-batch grows,
and does not depend on the vocabulary. At a vocabulary of 152k only the whole is larger.
"""

import argparse
import resource
import subprocess
import sys

from stages.methods import METHODS, class_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tokens", type=int, default=2048, help="of the micro-batch")
    parser.add_argument("--vocabulary", type=int, default=32768)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(peak(options.measure, options.tokens, options.vocabulary))
        return
    size = ["--tokens", str(options.tokens), "--vocabulary", str(options.vocabulary)]
    names = ["grpo", *(name for name in METHODS if class_of(name).uses_logits)]
    peaks = {}
    for name in names:
        command = [sys.executable, "-m", "benchmarks.memory", *size, "--measure", name]
        peaks[name] = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])
    gigabytes = options.tokens * options.vocabulary * 4 / 2**30
    print(f"{options.tokens} tokens, vocabulary {options.vocabulary}: logits {gigabytes:.2f} GiB")
    for name, value in peaks.items():
        print(f"{name}: {value:.2f} GiB, {value / peaks['grpo']:.3f} of grpo")


def peak(name: str, tokens: int, vocabulary: int) -> float:
    """GiB above what the process held before."""
    import torch
    import yaml

    from benchmarks.methods import one_micro_batch
    from stages.methods import build

    settings = yaml.safe_load(open("profiles/smoke.yaml", encoding="utf-8"))["method_settings"].get(name, {})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    logits = torch.randn(tokens, vocabulary, requires_grad=True)
    one_micro_batch(build(name, settings), logits, torch.randint(vocabulary, (tokens,)))
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20


if __name__ == "__main__":
    main()
