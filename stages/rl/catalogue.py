"""The catalogue of methods, read from their classes and their files' docstrings: one row each, and one in full."""

import inspect
import re
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from stages.common.tables import markdown_table
from stages.rl.controls import controls_of
from stages.rl.method import Method
from stages.rl.settings import Settings


@dataclass(frozen=True)
class Entry:
    """One method of the catalogue."""

    name: str
    title: str
    paper: str  # arXiv id
    hooks: tuple[str, ...]
    settings: dict[str, str]  # that it adds to GRPO's or gives another default: name -> default, or "required"
    variants: dict[str, tuple[str, ...]]  # setting -> its choices, each with the settings that it brings
    reduces_to_grpo_at: str
    asks_for: tuple[str, ...]
    controls: tuple[str, ...]
    without_control: str  # why it has none
    status: str
    docstring: str


def describe(name: str, method: type[Method]) -> Entry:
    """The entry of `method`, whose file is `name`.py; ValueError when its docstring lacks what a table needs."""
    docstring = inspect.getdoc(inspect.getmodule(method)) or ""
    papers = re.findall(r"\b\d{4}\.\d{5}", docstring)
    if not papers and "not a published method" not in docstring.lower():
        raise ValueError(f"{name}: the docstring cites no arXiv id; give one, or say `not a published method`")
    return Entry(
        name=name,
        title=docstring.partition("\n")[0].rstrip("."),
        paper=papers[0] if papers else "none",
        hooks=method.changed_hooks(),
        settings={field: default_of(method, field) for field in own_fields(method)},
        variants={
            field: tuple(f"{choice}{brought_by(method, field, choice)}" for choice in choices)
            for field in own_fields(method)
            if (choices := choices_of(method, field))
        },
        reduces_to_grpo_at=paragraph(name, docstring, "Reduces to GRPO at"),
        asks_for=asks_for(method),
        controls=controls_of(method),
        without_control=method.without_control,
        status=method.sources.status,
        docstring=docstring,
    )


def own_fields(method: type[Method]) -> list[str]:
    """The settings that `method` adds, or gives another default than GRPO."""
    return [
        name
        for name, field in method.Settings.model_fields.items()
        if name not in Settings.model_fields or field.default != Settings.model_fields[name].default
    ]


def default_of(method: type[Method], name: str) -> str:
    field = method.Settings.model_fields[name]
    return "required" if field.is_required() else shown(field.default)


def shown(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return "none" if value is None else "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def choices_of(method: type[Method], name: str) -> tuple[str, ...]:
    """The choices of a setting that names a variant, the default first; () for any other."""
    field = method.Settings.model_fields[name]
    if name == "aggregation" or get_origin(field.annotation) is not Literal:
        return ()
    return tuple(sorted(get_args(field.annotation), key=lambda choice: choice != field.default))


def brought_by(method: type[Method], name: str, choice: str) -> str:
    """The settings that a variant brings, in brackets; nothing where it brings none."""
    brought = method.Settings.variant_defaults.get(choice, {}) if name == "variant" else {}
    return f" ({', '.join(f'{field} {shown(value)}' for field, value in brought.items())})" if brought else ""


def asks_for(method: type[Method]) -> tuple[str, ...]:
    """What a method needs beyond GRPO's passes, with its defaults; a required setting does not change it."""
    blank = method.__new__(method)
    blank.settings = method.Settings.model_construct()
    found = []
    if method.rollout is not Method.rollout:
        found.append("sampling of its own")
    if blank.batch_statistics == "current_policy":
        found.append("a forward pass")
    if blank.reference != "none":
        found.append("a reference" if blank.reference == "initial" else "a teacher")
    if method.uses_logits:
        found.append("logits")
    if method.uses_engine_log_prob:
        found.append("the engine's log-probs")
    return tuple(found)


def paragraph(name: str, docstring: str, heading: str) -> str:
    """The paragraph after `heading:`, on one line; ValueError when there is none."""
    match = re.search(rf"^{heading}: (.+?)(?=\n[A-Z][A-Za-z ]+:|\n\n|\Z)", docstring, re.MULTILINE | re.DOTALL)
    if match is None:
        raise ValueError(f"{name}: the docstring has no line `{heading}: …`")
    return " ".join(match[1].split())


def table(entries: list[Entry], missing: dict[str, tuple[str, str]]) -> str:
    """A Markdown table of the methods and, at its end, of what is not implemented (name -> arXiv id, reason)."""
    header = [
        "method",
        "paper",
        "hooks",
        "settings beside GRPO's",
        "variants",
        "asks for",
        "controls",
        "reduces to GRPO at",
        "status",
    ]
    rows = []
    for item in entries:
        settings = ", ".join(f"{name} {value}" for name, value in item.settings.items() if name not in item.variants)
        variants = "; ".join(f"{name}: {', '.join(choices)}" for name, choices in item.variants.items())
        asked, hooks = (", ".join(names) for names in (item.asks_for, item.hooks))
        controls = ", ".join(item.controls) or (item.without_control and f"none: {item.without_control}")
        last = [item.reduces_to_grpo_at, item.status]
        rows.append([item.name, item.paper, hooks, settings, variants, asked, controls, *last])
    rows += [[name, paper, *[""] * 6, f"not implemented: {reason}"] for name, (paper, reason) in missing.items()]
    return markdown_table(header, rows) + "\n"


def in_full(item: Entry, method: type[Method]) -> str:
    """One method: its docstring, its hooks and every setting with default and source."""
    lines = [
        item.docstring,
        "",
        f"hooks: {', '.join(item.hooks) or 'none'}",
        f"asks for: {', '.join(item.asks_for) or 'nothing more'}",
        f"controls: {', '.join(item.controls) or ': '.join(filter(None, ['none', item.without_control]))}",
        f"status: {item.status}",
        "settings:",
    ]
    for name, field in method.Settings.model_fields.items():
        default = "required, not published" if field.is_required() else shown(field.default)
        choices = f" of {', '.join(item.variants[name])}" if name in item.variants else ""
        lines.append(f"  {name} = {default}{choices}: {field.description}")
    return "\n".join(lines) + "\n"
