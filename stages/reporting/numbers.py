"""Numbers as a reader wants them."""

from typing import Any

import pandas as pd

MISSING = "·"


def number(value: float | None, digits: int) -> str:
    """Fixed digits, a true minus, no negative zero."""
    if value is None or pd.isna(value):
        return MISSING
    return f"{round(float(value), digits) + 0.0:.{digits}f}".replace("-", "−")


def signed(value: float, digits: int) -> str:
    text = number(value, digits)
    return text if text[0] == "−" or not text.strip("0.") else f"+{text}"


def interval(estimate: Any, scale: float = 100.0, digits: int = 1, sign: bool = False) -> str:
    """`value [low, high]`; the value alone when no interval can be given."""
    if pd.isna(estimate.value):
        return MISSING
    show = signed if sign else number
    value = show(scale * estimate.value, digits)
    if pd.isna(estimate.low):
        return value
    return f"{value} [{show(scale * estimate.low, digits)}, {show(scale * estimate.high, digits)}]"


def flat(settings: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested settings as dotted names and printed values."""
    found = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = printed(value)
    return found


def printed(value: Any) -> str:
    """A setting's value."""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(printed, value))
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
