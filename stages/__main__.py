"""Prints the pipeline of the profile in params.yaml, a line a stage: what is done, due and running.

    python -m stages          make status

`dvc dag` draws a box a run; `dvc status` says why a stage is due.
"""

from collections import Counter
from pathlib import Path

import psutil
import yaml

from stages.common.command import expect, run_stage
from stages.common.files import InputError
from stages.common.tables import markdown_table
from stages.profile.params import load

MODULE = "stages."


def main(arguments: list[str]) -> None:
    if arguments:
        expect(arguments, "stages")
    profile = load(Path("params.yaml")).profile
    print(table(states(profile), running(profile)))


def states(profile: str) -> dict[str, Counter[str]]:
    """Stage -> how many of its runs are `done` (outputs are those of the inputs as they are) and `due`, in DVC's order."""
    from dvc.exceptions import DvcException  # takes a second to import
    from dvc.repo import Repo

    found: dict[str, Counter[str]] = {}
    try:
        with Repo() as repo, repo.lock:
            order = yaml.safe_load(Path("dvc.yaml").read_text(encoding="utf-8"))["stages"]
            found = {name: Counter() for name in order}
            for stage in repo.index.stages:
                name, _, run = stage.addressing.rpartition(":")[2].partition("@")
                if run == profile or run.startswith(f"{profile}-"):
                    found[name]["due" if stage.changed() else "done"] += 1
    except DvcException as error:
        raise InputError(f"dvc: {' '.join(str(error).split())}")
    return {name: counted for name, counted in found.items() if counted}


def running(profile: str) -> Counter[str]:
    """Module -> processes of this folder that run it for the profile."""
    found: Counter[str] = Counter()
    for process in psutil.process_iter():
        try:
            command, here = process.cmdline(), Path(process.cwd()) == Path.cwd()
        except (psutil.Error, OSError):
            continue
        if here and "-m" in command[:-1] and profile in command:
            found[command[command.index("-m") + 1].removeprefix(MODULE)] += 1
    return found


def table(found: dict[str, Counter[str]], active: Counter[str]) -> str:
    rows = [
        [
            name,
            str(counted["done"]),
            str(counted["due"]),
            "running" if active[name] or active[name.partition("_")[0]] else "",
        ]
        for name, counted in found.items()
    ]
    return markdown_table(["stage", "done", "due", ""], rows, "lrrl")


if __name__ == "__main__":
    run_stage(main)
