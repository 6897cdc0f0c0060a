"""The options of a command line: what is wrong with them is an InputError, one line with the usage."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from stages.common.files import InputError

PROFILES = Path("profiles")


class Options(argparse.ArgumentParser):
    """Of `python -m <command>`; `description` is a module's docstring, of which --help shows the first line."""

    def __init__(self, command: str, description: str | None) -> None:
        super().__init__(prog=f"python -m {command}", description=(description or "").partition("\n")[0])

    def add_profile(self) -> None:
        """A profile's name or file, `params.yaml` unless one is given."""
        self.add_argument("profile", nargs="?", type=profile_file, default=Path("params.yaml"))

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{' '.join(self.format_usage().split())}: {message}")


def at_least(least: int) -> Callable[[str], int]:
    """The type of an option that is a whole number."""

    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least {least}")
        return int(text)

    return number


def profile_file(text: str) -> Path:
    """The file that `text` names, or the profile of that name."""
    named = PROFILES / f"{text}.yaml"
    found = next((path for path in (Path(text), named) if path.is_file()), None)
    if found is None:
        known = ", ".join(sorted(path.stem for path in PROFILES.glob("*.yaml")))
        raise InputError(f"profile: {text} is missing, and so is {named}; give a file or one of {known}")
    return found
