"""The table of a profile's trainings in the terminal."""

from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from stages.watching.runs import Watched

COLOURS = {"waiting": "dim", "training": "cyan", "stopped": "yellow", "failed": "red", "done": "green"}
MEASURES = {
    "entropy": ("entropy", ".3f"),
    "reward": ("reward", ".3f"),
    "response_length": ("length", ".0f"),
    "rollout_probability_difference": ("gap", ".1e"),
}


def table(profile: str, runs: list[Watched]) -> Group:
    """A row a run; below all of them a line for each flag, and for the reason of each failure."""
    counted = {state: sum(run.state == state for run in runs) for state in COLOURS}
    title = f"{profile}: " + ", ".join(f"{count} {state}" for state, count in counted.items() if count)
    left = [run.seconds_left for run in runs if run.seconds_left is not None]
    caption = "entropy: nats a token; length: tokens; gap: largest difference of a probability, trainer and engine"
    shown, notes = Table(title=title, caption=caption, caption_justify="left", expand=False), []
    for name in ("run", "state", "step"):
        shown.add_column(name, no_wrap=True)
    for label, _ in MEASURES.values():
        shown.add_column(label, justify="right")
    shown.add_column("s a step", justify="right")
    shown.add_column("time left", justify="right")
    for run in runs:
        values = [
            format(run.last[name], digits) if run.last and name in run.last else "–"
            for name, (_, digits) in MEASURES.items()
        ]
        pace = "–" if run.seconds_a_step is None else f"{run.seconds_a_step:.1f}"
        state = f"[{COLOURS[run.state]}]{run.state}[/]"
        row = [escape(run.run), state, f"{run.done}/{run.steps}", *values, pace, duration(run.seconds_left)]
        shown.add_row(*row, style="bold" if run.flags else None)
        notes += [f"{run.run}: {note}" for note in [*(flag.text() for flag in run.flags), run.reason] if note]
    if len(left) > 1:
        shown.add_section()
        shown.add_row("those begun, in all", *[""] * 8, duration(sum(left)))
    return Group(shown, *(Text(note, style="red") for note in notes))


def duration(seconds: float | None) -> str:
    """Such as 2 d 3 h, 4 h 05 min, 12 min, 40 s."""
    if seconds is None:
        return "–"
    minutes, hours = int(seconds // 60), int(seconds // 3600)
    if minutes < 1:
        return f"{seconds:.0f} s"
    if hours < 1:
        return f"{minutes} min"
    return f"{hours} h {minutes % 60:02} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"
