"""What stage diagnose would write, with made-up numbers."""

from stages.artifacts.probes import ESTIMATES, MEANS, SOURCES, TABLES, ProbeSummary, write_probe

NAME = "base.grpo"
RATES = (0.001, 0.1)


def write_made_up(folder, batches: int = 3) -> None:
    """Two updates, one optimiser, two learning rates; each number tells where it stands. One batch has no intervals."""

    def row(name: str, number: float, **own: object) -> dict:
        line: dict = dict(own)
        for value in MEANS[name][1]:
            line[value] = number
            ends = (number - 0.05, number + 0.05) if batches > 1 else (None, None)
            line[f"{value}_low"], line[f"{value}_high"] = ends
        return line

    places = [{"update": u, "optimiser": "sgd", "learning_rate": r} for u in (1, 4) for r in RATES]
    steps = [row("steps", 0.4, **p) | {"relative_step": p["learning_rate"]} for p in places]
    estimates = [
        row("estimates", 0.9 - 0.1 * number, **p, estimate=name)
        for p in places
        for number, name in enumerate(ESTIMATES)
    ]
    labels = {"region": ("A > 0, likely token", "A < 0, likely token"), "all": ("remainder", "exact change")}
    parts = [
        row("parts", -0.25 if part.startswith("A >") else 0.125, **p, partition=partition, part=part) | {"share": 0.5}
        for p in places
        for partition, names in labels.items()
        for part in names
    ]
    bins = ((0.0, 0.1), (0.1, 1.0))
    events = [
        {"update": u, "probability_from": a, "probability_to": b, "tokens": 50, "clipped_positive": 3, "clipped_negative": int(10 * a)}
        for u in (1, 4)
        for a, b in bins
    ]  # fmt: skip
    coupling = {"optimiser": "sgd", "states": 6, **{f"share_{name}": 0.25 for name in SOURCES}, "pearson": 0.3}
    coupling |= {"spearman": 0.2, "sign": 0.5}
    tokens = [dict.fromkeys(TABLES["tokens"], 0.5)]
    summary = ProbeSummary(
        run="base",
        method="grpo",
        packages={"torch": "2"},
        model_sha256="0" * 64,
        batches=batches,
        prompts=2,
        responses=4,
        updates=4,
        parameters=10,
        tokens=100,
        reward=0.5,
        entropy=0.25,
        optimisers={"sgd": "SGD"},
    )
    numbers = [
        {
            "batch": batch,
            "update": 1,
            "optimiser": "sgd",
            "learning_rate": 0.5,
            "measure": "pearson covariance",
            "value": 0.1,
        }
        for batch in range(1, batches + 1)
    ]
    tables = {
        "batches": numbers, "steps": steps, "estimates": estimates, "parts": parts, "clip_events": events, "coupling": [coupling], "tokens": tokens,
    }  # fmt: skip
    write_probe(folder, summary, tables)
