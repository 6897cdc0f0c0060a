"""What a sum of money buys: how many training seeds on which benchmarks. Pure, but for the published numbers it counts."""

from typing import NamedTuple

import pandas as pd

from stages.common.files import InputError
from stages.profile.effective_protocol import effective_protocol
from stages.profile.params import Params
from stages.protocols.checkpoint import checkpoint_rule
from stages.tools.estimation.evaluated import evaluation_tokens
from stages.tools.estimation.hours import Assumptions, evaluation_hours, training_hours
from stages.tools.foreseen_verdicts import judged_numbers
from stages.verdicts.judge import SEEDS

MOST_SEEDS = 10  # that are looked at


class Offer(NamedTuple):
    seeds: int
    benchmarks: list[str]
    dollars: float


def offers(
    params: Params, assumed: Assumptions, rate: float, budget: float, measured: dict[str, float] | None = None
) -> list[Offer]:
    """For each number of seeds the most benchmarks that it leaves money for, the dearest left out first; fewest seeds first.

    Those that a rule of `checkpoints` looks at stay. `rate`: dollars a GPU hour.
    """
    asked = list(effective_protocol(params.evaluation, params.data.prompt, len(params.seeds)).samples)
    needed = {name for text in params.checkpoints.values() for name in checkpoint_rule(text).benchmarks}
    trained = sum(training_hours(params, assumed, measured).values())
    found = []
    for seeds in range(1, MOST_SEEDS + 1 if params.methods else 2):
        tokens = evaluation_tokens(params.model_copy(update={"seeds": list(range(1, seeds + 1))}))
        kept = list(asked)
        for name in [*sorted(set(asked) - needed, key=lambda name: (-tokens[name], name)), None]:
            hours = seeds * trained + evaluation_hours(sum(tokens[each] for each in kept), assumed)
            if rate * hours <= budget and kept:
                found.append(Offer(seeds, kept, rate * hours))
                break
            kept = [each for each in kept if each != name]
    return found


def proposal(offered: list[Offer]) -> Offer:
    """With enough seeds for a verdict if any has them; of those the most benchmarks, then the most seeds."""
    return max(offered, key=lambda offer: (offer.seeds >= SEEDS, len(offer.benchmarks), offer.seeds))


def with_offer(params: Params, offer: Offer) -> Params:
    """The profile with the offer's seeds and benchmarks; what is set for a benchmark that is left out goes with it."""
    given = params.evaluation
    settings = ("benchmark_settings", "samples", "graders", "also_graded_by")
    kept = {name: {key: v for key, v in getattr(given, name).items() if key in offer.benchmarks} for name in settings}
    evaluation = given.model_copy(update={"benchmarks": offer.benchmarks, **kept})
    seeds = params.seeds if len(params.seeds) == offer.seeds else list(range(1, offer.seeds + 1))
    return params.model_copy(update={"seeds": seeds, "evaluation": evaluation})


def describe_offers(
    params: Params, assumed: Assumptions, rate: float, budget: float, measured: dict[str, float] | None = None
) -> str:
    """InputError where not even one seed on one benchmark can be paid."""
    offered = offers(params, assumed, rate, budget, measured)
    if not offered:
        trained = rate * sum(training_hours(params, assumed, measured).values())
        raise InputError(
            f"--budget: {budget:,.0f} dollars pay no seed on one benchmark: the trainings of one seed alone are {trained:,.0f}; "
            "take fewer methods or steps, or a larger budget"
        )
    best, rows = proposal(offered), []
    for offer in offered:
        judged = judged_numbers(with_offer(params, offer))
        mark = "proposed" if offer is best else ""
        rows.append((offer.seeds, len(offer.benchmarks), f"{offer.dollars:,.0f}", judged, mark))
    table = pd.DataFrame(rows, columns=["seeds", "benchmarks", "dollars", "published numbers judged", ""])
    seeds = list(range(1, best.seeds + 1))
    return "\n".join(
        [
            f"what {budget:,.0f} dollars buy at {rate:g} a GPU hour, every sequence {assumed.lengths}:",
            "",
            table.to_markdown(index=False, disable_numparse=True, colalign=["right"] * 4 + ["left"]),
            "",
            f"proposed: seeds: {seeds}; evaluation.benchmarks: [{', '.join(best.benchmarks)}]",
        ]
    )
