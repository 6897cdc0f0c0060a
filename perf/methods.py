"""What each method costs from logits to their gradient, beside verl's own vanilla loss; also its memory.

    python -m perf.methods [--tokens 4096] [--vocabulary 8192] [--repeats 5] [--write] [METHOD ...]

One run times both sides on the same 16 responses. The way from logits to log-prob and entropy and back (verl's own
functions, in chunks) is the same for both; it is timed once a repeat and counted on both sides. `ratio` is (way + method's
loss) / (way + verl's loss), medians over the repeats. A method with statistics of the current policy also makes the model's
forward pass over the mini-batch once more, which no logits-level benchmark shows: `asks for` says so.
"""

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor
from verl.trainer.ppo import core_algos
from verl.utils.torch_functional import entropy_from_logits, logprobs_from_logits
from verl.workers.config import FSDPActorConfig

from stages.backend.loss import CHUNK
from stages.common.command import run_stage
from stages.common.files import write_text
from stages.common.options import Options, at_least
from stages.methods import METHODS, build, class_of
from stages.rl.aggregation import aggregate
from stages.rl.batch import TrainingStep, Update
from stages.rl.batch_statistics import with_batch_statistics
from stages.rl.catalogue import describe
from stages.rl.logits import chunked
from stages.rl.method import Method

RESPONSES = 16
DOCUMENT = Path("docs/cost.md")


def main(arguments: list[str]) -> None:
    parser = Options("perf.methods", __doc__)
    parser.add_argument("--tokens", type=at_least(1), default=4096, help="of each of the 16 responses")
    parser.add_argument("--vocabulary", type=at_least(1), default=8192)
    parser.add_argument("--repeats", type=at_least(1), default=5)
    parser.add_argument("--write", action="store_true", help=f"put the table into {DOCUMENT}")
    parser.add_argument("methods", nargs="*", default=list(METHODS))
    options = parser.parse_args(arguments)
    chosen = yaml.safe_load(Path("profiles/smoke.yaml").read_text())["method_settings"]
    methods = {name: build(name, chosen.get(name, {})) for name in options.methods}
    torch.manual_seed(0)
    logits = torch.randn(RESPONSES * options.tokens, options.vocabulary)
    update = batch(logits, options.tokens)
    losses: dict[str, Callable[[], None]] = {"verl": lambda: verl_loss(update)}
    losses |= {name: lambda method=method: method_loss(method, update, logits) for name, method in methods.items()}
    way: list[float] = []
    seconds: dict[str, list[float]] = {name: [] for name in losses}
    for _ in range(options.repeats):
        way.append(timed(lambda: there_and_back(logits, update)))
        for name, loss in losses.items():
            seconds[name].append(timed(loss))
    common, vanilla = statistics.median(way), statistics.median(seconds["verl"])
    lines = ["| method | ratio | loss, ms | asks for |", "|---|---:|---:|---|"]
    for name in methods:
        own = statistics.median(seconds[name])
        asks = describe(name, class_of(name)).asks_for
        lines.append(f"| {name} | {(common + own) / (common + vanilla):.3f} | {1000 * own:.0f} | {', '.join(asks)} |")
    text = (
        f"{RESPONSES} × {options.tokens} tokens, vocabulary {options.vocabulary}, {options.repeats} repeats, "
        f"{torch.get_num_threads()} threads on {os.cpu_count()} shared cores, float32. The way from logits and back takes "
        f"{common:.2f} s, verl's vanilla loss {1000 * vanilla:.0f} ms.\n\n" + "\n".join(lines) + "\n"
    )
    print(text)
    if options.write:
        write_text(
            DOCUMENT,
            "# What the methods cost\n\nWritten by `python -m perf.methods --write`.\n"
            + __doc__.partition("\n\n")[2].partition("\n\n")[2]
            + "\n"
            + text,
        )


def timed(function: Callable[[], None]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def batch(logits: Tensor, tokens: int) -> Update:
    """16 responses in two groups, all of full length; the old policy is the current one with noise."""
    shape = (RESPONSES, tokens)
    token_ids = torch.randint(logits.shape[1], shape)
    with torch.no_grad():
        log_prob, entropy = forward(logits, token_ids.flatten())
    rewards = (torch.arange(RESPONSES) % 2).float()
    mask = torch.ones(shape, dtype=torch.bool)
    return Update(
        response_mask=mask, token_ids=token_ids, rewards=rewards, correct=rewards > 0,
        old_log_prob=log_prob.view(shape) + 0.05 * torch.randn(shape), old_entropy=entropy.view(shape),
        group=torch.arange(RESPONSES) // 8, index=torch.arange(RESPONSES), training_step=TrainingStep(1, 10),
        reference_log_prob=log_prob.view(shape) + 0.05 * torch.randn(shape),
        engine_log_prob=log_prob.view(shape) + 0.05 * torch.randn(shape),
        log_prob=log_prob.view(shape).requires_grad_(), entropy=entropy.view(shape).requires_grad_(),
        advantages=torch.randn(RESPONSES, 1).expand(shape).clone(), mask=mask,
    )  # fmt: skip


def forward(logits: Tensor, token_ids: Tensor) -> tuple[Tensor, Tensor]:
    """[N] log-probs and entropies of `logits` [N, V] by verl's own functions, in chunks."""
    parts = [
        (logprobs_from_logits(part, ids), entropy_from_logits(part))
        for part, ids in zip(logits.split(CHUNK), token_ids.split(CHUNK), strict=True)
    ]
    return torch.cat([log_prob for log_prob, _ in parts]), torch.cat([entropy for _, entropy in parts])


def there_and_back(logits: Tensor, update: Update) -> None:
    """From logits to log-prob and entropy, and from gradients of those to the gradient of the logits."""
    for part, ids in zip(logits.split(CHUNK), update.token_ids.flatten().split(CHUNK), strict=True):
        leaf = part.detach().requires_grad_()
        outputs = (logprobs_from_logits(leaf, ids), entropy_from_logits(leaf))
        torch.autograd.grad(outputs, leaf, [torch.ones_like(output) for output in outputs])


def verl_loss(update: Update) -> None:
    config = FSDPActorConfig(
        strategy="fsdp2", rollout_n=8, ppo_micro_batch_size_per_gpu=RESPONSES, clip_ratio=0.2, clip_ratio_c=3.0
    )
    loss, _ = core_algos.compute_policy_loss_vanilla(
        update.old_log_prob, update.log_prob, update.advantages, update.response_mask, "token-mean", config
    )
    torch.autograd.grad(loss, update.log_prob)


def method_loss(method: Method, update: Update, logits: Tensor) -> None:
    """Batch statistics, logit terms, loss and their gradients."""
    training_step = TrainingStep(1, 10, method.initial_state(), entropy=0.2)
    changed: dict[str, Any] = {"training_step": training_step}
    if method.uses_logits:
        leaf = logits.detach().requires_grad_()
        terms = chunked(method.logit_terms, leaf, CHUNK)
        changed["logit_terms"] = {name: value.view(update.log_prob.shape) for name, value in terms.items()}
    update = Update(**{**vars(update), **changed})
    update = with_batch_statistics(method, update)
    loss, _ = method.token_loss(update)
    kept = update.mask
    total = aggregate(loss, kept, method.settings.aggregation, int(kept.sum()), RESPONSES, kept.shape[1])
    leaves = [update.log_prob, update.entropy] + ([leaf] if method.uses_logits else [])
    torch.autograd.grad(total, leaves, allow_unused=True)


def one_micro_batch(method: Method, logits: Tensor, token_ids: Tensor) -> None:
    """One micro-batch of two responses from logits to their gradient, in the order of verl's engine."""
    shape = (2, len(token_ids) // 2)
    entropy = entropy_from_logits(logits)
    terms = chunked(method.logit_terms, logits, CHUNK) if method.uses_logits else {}
    log_prob = logprobs_from_logits(logits, token_ids)
    mask = torch.ones(shape, dtype=torch.bool)
    update = Update(
        response_mask=mask, token_ids=token_ids.view(shape), rewards=torch.tensor([0.0, 1.0]),
        correct=torch.tensor([False, True]), old_log_prob=log_prob.detach().view(shape),
        old_entropy=entropy.detach().view(shape), group=torch.zeros(2, dtype=torch.long), index=torch.arange(2),
        training_step=TrainingStep(1, 10, method.initial_state()),
        log_prob=log_prob.view(shape), entropy=entropy.view(shape),
        advantages=torch.tensor([[-1.0], [1.0]]).expand(shape), mask=mask,
        logit_terms={name: value.view(shape) for name, value in terms.items()},
    )  # fmt: skip
    loss, _ = method.token_loss(with_batch_statistics(method, update))
    loss.mean().backward()


if __name__ == "__main__":
    run_stage(main)
