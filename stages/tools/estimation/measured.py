"""How long a profile's steps took where some of them ran: from the clocks beside its trainings."""

import json
from pathlib import Path

from stages.profile.params import Params

LEFT_OUT = 1  # steps at the beginning of a log: the first one of a session compiles and fills caches


def seconds_a_step(params: Params, root: Path = Path()) -> dict[str, float]:
    """Name under `methods` -> mean seconds a step over all runs with clocks, in results/ or else in work/; no others.

    A name without clocks has the mean over those that have some, where there is one: methods differ by their passes.
    """
    results, work = root / "results" / params.profile / "train", root / "work" / params.profile / "train"
    found: dict[str, float] = {}
    for name in params.methods:
        times: list[float] = []
        for seed in params.seeds:
            logs = [results / f"{name}-{seed}.timings.jsonl", *work.glob(f"{name}-{seed}-*/timings.jsonl")]
            log = next((path for path in logs if path.is_file()), None)
            times += _seconds(log)[LEFT_OUT:] if log else []
        if times:
            found[name] = sum(times) / len(times)
    mean = sum(found.values()) / len(found) if found else None
    return {name: found.get(name, mean) for name in params.methods} if mean is not None else {}


def _seconds(log: Path) -> list[float]:
    """Of a resumed training, which repeats steps, the last record of each counts; a torn last line does not."""
    lines = [line for line in log.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")]
    records = [json.loads(line) for line in lines]
    return list({record["step"]: float(record["seconds"]["step"]) for record in records}.values())
