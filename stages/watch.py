"""A live table of a profile's trainings, with what is wrong with them. Changes nothing; Ctrl-C ends it.

    python -m stages.watch <profile>             all trainings, every five seconds, until none is left to run
    python -m stages.watch <profile> --once      one table; so it is where there is no terminal

A flag says which threshold a run is beyond, and since which step: collapse and explosion of entropy, length blow-up, a step
that has stalled. The thresholds are this bench's choice and options of the command (--help).
"""

import argparse
import time
from pathlib import Path

from rich.console import Console
from rich.live import Live

from stages.common.command import run_stage
from stages.common.files import InputError
from stages.common.options import Options
from stages.watching.flags import Thresholds
from stages.watching.runs import Watched, watch
from stages.watching.table import table

MEANINGS = {
    "collapse": "entropy below this share of its start (the mean of the first three steps)",
    "explosion": "entropy above this multiple of its start",
    "length": "mean response length above this multiple of its start",
    "stall": "a step that takes this many times the median of the last ten",
    "stall_seconds": "and at least so long",
}


def main(arguments: list[str]) -> None:
    options = parse(arguments)
    thresholds = Thresholds(*(getattr(options, name) for name in Thresholds._fields))
    for name, value in thresholds._asdict().items():
        if not value > 0:
            raise InputError(f"--{name.replace('_', '-')}: {value:g} is not above 0; give a positive number")

    def look() -> list[Watched]:
        return watch(options.profile, thresholds, time.time())

    runs, console = look(), Console(record=options.svg is not None)
    if options.once or not console.is_terminal:
        console.print(table(options.profile, runs))
    else:
        with Live(table(options.profile, runs), console=console, auto_refresh=False) as live:
            while any(run.state in ("training", "waiting", "stopped") for run in runs):
                time.sleep(options.every)
                runs = look()
                live.update(table(options.profile, runs), refresh=True)
    if options.svg:
        console.save_svg(str(options.svg), title=f"python -m stages.watch {options.profile}")


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = Options("stages.watch", __doc__)
    parser.add_argument("profile")
    parser.add_argument("--once", action="store_true", help="print one table and end")
    parser.add_argument("--every", type=float, default=5.0, help="seconds between two looks, default 5")
    parser.add_argument("--svg", type=Path, help="a file for a picture of the last table")
    for name, default in Thresholds._field_defaults.items():
        words = f"{MEANINGS[name]}; default {default:g}, this bench's choice"
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=default, help=words)
    options = parser.parse_args(arguments)
    if not options.every > 0:
        raise InputError(f"--every: {options.every:g} is not above 0; give seconds")
    return options


if __name__ == "__main__":
    run_stage(main)
