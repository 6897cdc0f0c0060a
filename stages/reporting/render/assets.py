"""What of the page is our own, as text that is not escaped: style, scripts, the drawing library, data."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import vl_convert
from markupsafe import Markup

from stages.reporting.palette import DARK, LIGHT, PAPER, declarations

FOLDER = Path(__file__).resolve().parents[1] / "assets"


def style() -> Markup:
    return Markup(
        f":root {{ color-scheme: light dark; {declarations(LIGHT)} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ {declarations(DARK)} }} }}\n"
        f"@media print {{ :root {{ color-scheme: light; {declarations(PAPER)} }} }}\n"
        f"{(FOLDER / 'page.css').read_text(encoding='utf-8')}"
    )


def script(name: str) -> Markup:
    """A script of `assets/`."""
    return _unclosed("\n" + (FOLDER / name).read_text(encoding="utf-8"))


@cache
def drawing_library() -> Markup:
    """Vega, Vega-Lite and Vega-Embed as vl-convert carries them."""
    return _unclosed(vl_convert.javascript_bundle())  # type: ignore[call-arg]  # its stub wants what is optional


def data(content: dict[str, Any]) -> Markup:
    """Content for the scripts, as JSON in which no text can end the element that holds it."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))


def _unclosed(text: str) -> Markup:
    """A script in which no text can end it."""
    return Markup(re.sub(r"</(?=script)", r"<\\/", text, flags=re.IGNORECASE))
