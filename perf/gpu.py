"""Every method's loss, its gradient and one update in bfloat16 beside float64, at the shapes of Qwen2.5-0.5B.

    python -m perf.gpu [--write] [METHOD ...]                                    needs a GPU of 80 GB
    python -m perf.gpu --device cpu --layers 1 --hidden 64 --vocabulary 512 --responses 4 --tokens 8 grpo steer

Weights are random (nothing is downloaded), float32 as in training; the bfloat16 side casts them for its pass and computes
under autocast, as verl's engine does, with verl's own log-probs and entropies, then takes a step of AdamW on the float32
weights. The float64 side computes the same throughout, with about 60 bytes a weight. Responses are of full length, in two
groups, with advantages 1 and −1, which both sides are given; the old policy is the float64 one with noise, so that clips are
met. `gradient` and `step` are the relative errors ‖x − x₆₄‖ / ‖x₆₄‖ of the gradient of all weights and of what the optimiser
adds to them. Seconds (median) and memory are of the bfloat16 side, from the model's pass to the end of the step; `verl` is
verl's vanilla loss.
"""

import argparse
import statistics
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch
import yaml
from torch import Tensor
from torch.func import functional_call
from transformers import AutoModelForCausalLM, Qwen2Config
from verl.trainer.ppo import core_algos
from verl.utils.torch_functional import entropy_from_logits, logprobs_from_logits
from verl.workers.config import FSDPActorConfig

from stages.backend.loss import CHUNK
from stages.common.command import run_stage
from stages.common.files import InputError, write_text
from stages.common.options import Options, at_least
from stages.common.tables import markdown_table
from stages.methods import METHODS, build
from stages.rl.aggregation import aggregate
from stages.rl.batch import TrainingStep, Update
from stages.rl.batch_statistics import with_batch_statistics
from stages.rl.logits import chunked
from stages.rl.method import Method
from stages.tools.gpus import GIB

DOCUMENT = Path("docs/gpu.md")
HEADING = "## Every method in bfloat16"
LEARNING_RATE = 1e-6
# config.json of Qwen/Qwen2.5-0.5B
SHAPES = {"hidden": 896, "layers": 24, "heads": 14, "kv_heads": 2, "intermediate": 4864, "vocabulary": 151_936}


class Cost(NamedTuple):
    """One loss in bfloat16 beside float64."""

    name: str
    loss: float  # float64
    loss_error: float
    gradient_error: float
    step_error: float
    seconds: float
    peak: int  # bytes; 0 on a CPU


class Side(NamedTuple):
    """What one pass, its loss and one update gave; `gradient` and `step` on the weights' device, in their dtype."""

    loss: float
    gradient: list[Tensor]
    step: list[Tensor]
    seconds: float
    peak: int


def main(arguments: list[str] | None = None) -> list[Cost]:
    options = parse(arguments)
    device = torch.device(options.device)
    torch.manual_seed(0)
    model, token_ids = model_of(options).to(device), random_ids(options).to(device)
    exact = [weight.detach().double() for weight in model.parameters()]
    batch = batch_of(model, exact, token_ids, options)
    chosen = yaml.safe_load(Path("profiles/smoke.yaml").read_text(encoding="utf-8"))["method_settings"]
    losses: dict[str, Method | None] = {"verl": None}
    losses |= {name: build(name, chosen.get(name, {})) for name in options.methods}
    one_update(model, exact, torch.bfloat16, batch, token_ids, None)  # loads what later ones find loaded
    costs = []
    for name, method in losses.items():
        reference = one_update(model, exact, torch.float64, batch, token_ids, method)
        sides: list[Side] = []
        for _ in range(options.repeats):
            side = one_update(model, exact, torch.bfloat16, batch, token_ids, method)
            sides.append(side._replace(gradient=[], step=[]) if sides else side)
        costs.append(compared(name, sides, reference))
        print(f"{name}: {costs[-1].seconds:.3f} s", flush=True)
        del reference, sides, side  # before the next ones are made
    text = render(costs, options, device)
    print(text)
    if options.write:
        head = DOCUMENT.read_text(encoding="utf-8").partition(HEADING)[0]
        write_text(DOCUMENT, f"{head}{HEADING}\n\nWritten by `python -m perf.gpu --write`.\n\n{text}")
    return costs


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = Options("perf.gpu", __doc__)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    for name, value in SHAPES.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=at_least(1), help=f"of the model; default {value}")
    parser.add_argument("--responses", type=at_least(1), default=8)
    parser.add_argument("--tokens", type=at_least(1), default=256, help="of a response")
    parser.add_argument("--repeats", type=at_least(1), default=3)
    parser.add_argument("--write", action="store_true", help=f"put the table into {DOCUMENT}")
    parser.add_argument("methods", nargs="*", default=list(METHODS))
    options = parser.parse_args(arguments)
    if options.device == "cuda" and not torch.cuda.is_available():
        raise InputError("--device: torch finds no GPU; give --device cpu and small shapes, which writes no table")
    if options.write and (options.device != "cuda" or any(getattr(options, name) for name in SHAPES)):
        raise InputError(
            "--write: the table is of a GPU and of Qwen2.5-0.5B's shapes; leave out --device and the shapes"
        )
    if unknown := [name for name in options.methods if name not in METHODS]:
        raise InputError(f"{unknown[0]!r} is no method; python -m stages.methods lists them")
    if options.hidden:  # heads of 64, as the model's own
        heads = max(options.hidden // 64, 1)
        options.heads, options.kv_heads = options.heads or heads, options.kv_heads or 1
        options.intermediate = options.intermediate or 2 * options.hidden
    for name, value in SHAPES.items():
        setattr(options, name, getattr(options, name) or value)
    return options


def model_of(options: argparse.Namespace) -> torch.nn.Module:
    config = Qwen2Config(
        hidden_size=options.hidden,
        num_hidden_layers=options.layers,
        num_attention_heads=options.heads,
        num_key_value_heads=options.kv_heads,
        intermediate_size=options.intermediate,
        vocab_size=options.vocabulary,
        tie_word_embeddings=True,
    )
    return AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation="sdpa")


def random_ids(options: argparse.Namespace) -> Tensor:
    """[B, 1 + T]: a prompt of one token and the response."""
    return torch.randint(options.vocabulary, (options.responses, 1 + options.tokens))


def outputs(
    model: torch.nn.Module, weights: list[Tensor], dtype: torch.dtype, token_ids: Tensor, method: Method | None
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Log-probs [B, T], entropies [B, T] and the method's logit terms, with gradient to `weights`."""
    cast = {name: weight.to(dtype) for (name, _), weight in zip(model.named_parameters(), weights, strict=True)}
    logits = functional_call(model, cast, args=(token_ids,), kwargs={"use_cache": False}, tie_weights=True).logits
    logits, labels = logits[:, :-1].flatten(0, 1), token_ids[:, 1:]
    terms = chunked(method.logit_terms, logits, CHUNK) if method and method.uses_logits else {}
    entropy = torch.cat([entropy_from_logits(part) for part in logits.split(CHUNK)])
    log_prob = logprobs_from_logits(logits, labels.flatten())
    return log_prob.view(labels.shape), entropy.view(labels.shape), {n: v.view(labels.shape) for n, v in terms.items()}


def batch_of(model: torch.nn.Module, exact: list[Tensor], token_ids: Tensor, options: argparse.Namespace) -> Update:
    """All that a method is given beside the current policy, in float64: two groups, the old policy beside the current one."""
    with torch.no_grad():
        log_prob, entropy, _ = outputs(model, exact, torch.float64, token_ids, None)
    shape, device, count = log_prob.shape, log_prob.device, options.responses

    def near() -> Tensor:
        return log_prob + 0.05 * torch.randn(shape, dtype=torch.float64).to(device)

    rewards = (torch.arange(count, device=device) % 2).double()
    mask = torch.ones(shape, dtype=torch.bool, device=device)
    return Update(
        response_mask=mask, token_ids=token_ids[:, 1:], rewards=rewards, correct=rewards > 0, old_log_prob=near(),
        old_entropy=entropy, group=torch.arange(count, device=device) * 2 // count,
        index=torch.arange(count, device=device), training_step=TrainingStep(1, 10, entropy=entropy.mean().item()),
        reference_log_prob=near(), engine_log_prob=near(), log_prob=log_prob, entropy=entropy,
        advantages=(2 * rewards - 1)[:, None].expand(shape).clone(), mask=mask,
    )  # fmt: skip


def one_update(
    model: torch.nn.Module,
    exact: list[Tensor],
    dtype: torch.dtype,
    batch: Update,
    token_ids: Tensor,
    method: Method | None,
) -> Side:
    """A pass, the loss, its gradient, and a step of AdamW from the weights `exact`."""
    own = torch.float64 if dtype == torch.float64 else torch.float32
    device = token_ids.device
    synchronise = torch.cuda.synchronize if device.type == "cuda" else _nothing
    before = 0
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
    weights = [weight.to(own, copy=True).requires_grad_() for weight in exact]
    optimiser = torch.optim.AdamW(weights, lr=LEARNING_RATE, weight_decay=0.0)
    synchronise()
    start = time.perf_counter()
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
        loss = loss_of(outputs(model, weights, dtype, token_ids, method), batch, method, own)
    loss.backward()
    gradient = [weight.grad.clone() for weight in weights]  # type: ignore[union-attr]  # every weight has one
    optimiser.step()
    synchronise()
    seconds = time.perf_counter() - start
    peak = torch.cuda.max_memory_allocated() - before if device.type == "cuda" else 0
    with torch.no_grad():
        step = [weight - first.to(own) for weight, first in zip(weights, exact, strict=True)]
    return Side(loss.item(), gradient, step, seconds, peak)


def _nothing() -> None:
    """A CPU computes at once."""


def loss_of(
    given: tuple[Tensor, Tensor, dict[str, Tensor]], batch: Update, method: Method | None, own: torch.dtype
) -> Tensor:
    log_prob, entropy, terms = given
    fixed = {name: value.to(own) if _is_float(value) else value for name, value in vars(batch).items()}
    update = Update(**{**fixed, "log_prob": log_prob, "entropy": entropy, "logit_terms": terms})
    if method is None:
        config = FSDPActorConfig(
            strategy="fsdp2", rollout_n=8, ppo_micro_batch_size_per_gpu=8, clip_ratio=0.2, clip_ratio_c=3.0
        )
        return core_algos.compute_policy_loss_vanilla(
            update.old_log_prob, log_prob, update.advantages, update.response_mask, "token-mean", config
        )[0]
    step = TrainingStep(1, 10, method.initial_state(), entropy=batch.training_step.entropy)
    update = with_batch_statistics(method, Update(**{**vars(update), "training_step": step}))
    loss, _ = method.token_loss(update)
    kept, count = update.mask, len(update.mask)
    return aggregate(loss, kept, method.settings.aggregation, int(kept.sum()), count, kept.shape[1])


def _is_float(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def compared(name: str, sides: list[Side], reference: Side) -> Cost:
    first = sides[0]
    return Cost(
        name,
        reference.loss,
        abs(first.loss - reference.loss),
        relative_error(first.gradient, reference.gradient),
        relative_error(first.step, reference.step),
        statistics.median(side.seconds for side in sides),
        max(side.peak for side in sides),
    )


def relative_error(found: list[Tensor], exact: list[Tensor]) -> float:
    """‖found − exact‖ / ‖exact‖ over all weights; nan where `exact` is 0."""
    pairs = list(zip(found, exact, strict=True))
    difference = sum((one.double() - other).square().sum().item() for one, other in pairs)
    size = sum(other.square().sum().item() for _, other in pairs)
    return (difference / size) ** 0.5 if size else float("nan")


def render(costs: list[Cost], options: argparse.Namespace, device: torch.device) -> str:
    vanilla = costs[0]
    rows = []
    for cost in costs:
        ratio = f"{cost.seconds / vanilla.seconds:.3f}"
        memory = [f"{cost.peak / GIB:.2f}", f"{cost.peak / vanilla.peak:.3f}"] if vanilla.peak else ["", ""]
        errors = [_text(value) for value in (cost.loss_error, cost.gradient_error, cost.step_error)]
        rows.append([cost.name, f"{cost.loss:.4g}", *errors, f"{cost.seconds:.3f}", ratio, *memory])
    columns = ["method", "loss", "its error", "gradient", "step", "seconds", "of verl's", "GiB", "of verl's"]
    name = torch.cuda.get_device_name() if device.type == "cuda" else "a CPU"
    return (
        f"{name}, torch {torch.__version__}: {options.responses} × {options.tokens} tokens, {options.layers} layers of width "
        f"{options.hidden}, {options.vocabulary:,} words, {options.repeats} repeats.\n\n"
        f"{markdown_table(columns, rows, 'l' + 'r' * 8)}\n"
    )


def _text(error: float) -> str:
    return "of 0" if error != error else f"{error:.1e}"


if __name__ == "__main__":
    run_stage(main)  # type: ignore[arg-type]  # what it returns is for tests
