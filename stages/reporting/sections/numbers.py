"""Numbers as they are printed."""

from typing import Any

import pandas as pd

MISSING = "·"


def number(value: float | None, digits: int) -> str:
    """Fixed digits, a true minus, no negative zero; the sign for none where there is no value."""
    if value is None or pd.isna(value):
        return MISSING
    return f"{round(float(value), digits) + 0.0:.{digits}f}".replace("-", "−")


def signed(value: float, digits: int) -> str:
    text = number(value, digits)
    return text if text[0] == "−" or not text.strip("0.") else f"+{text}"


def interval(estimate: Any, scale: float = 100.0, digits: int = 1, sign: bool = False) -> str:
    """`value [low, high]` of a row of estimates; the value alone when no interval can be given."""
    if pd.isna(estimate.value):
        return MISSING
    show = signed if sign else number
    value = show(scale * estimate.value, digits)
    if pd.isna(estimate.low):
        return value
    return f"{value} [{show(scale * estimate.low, digits)}, {show(scale * estimate.high, digits)}]"


def count_of(count: int, noun: str) -> str:
    """`1 method`, `2 methods`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
