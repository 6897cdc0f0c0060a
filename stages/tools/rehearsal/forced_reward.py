"""Rewards that a model with random weights can learn from: half of all responses are right, whatever they say.

The profile's own rule still reads every response, and its answer is kept; only its verdict is replaced. `make rehearse`
appends two lines to the copy of `stages/backend/reward.py` in its own folder; no other code imports this file.
"""

import zlib
from collections.abc import Callable
from typing import Any


def forced(score_response: Callable[..., Any]) -> Callable[..., Any]:
    """`score_response` with a verdict that follows from the response's text alone: the same in every run."""

    def scored(reward: Any, data_source: str, response: str, gold: str) -> Any:
        return score_response(reward, data_source, response, gold)._replace(
            correct=zlib.crc32(response.encode("utf-8", "backslashreplace")) % 2 == 0
        )

    return scored
