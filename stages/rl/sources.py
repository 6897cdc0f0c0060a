"""How well a method is sourced, and how much of its paper is here: data that `docs/methods.md` shows as its status."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

# First-hand: read in the paper or in its authors' code. Second-hand: read in somebody's notes or transcription.
Reading = Literal["first-hand", "in part second-hand", "second-hand"]
READINGS: tuple[Reading, ...] = ("first-hand", "in part second-hand", "second-hand")


class Sources(BaseModel):
    """The sources of a method; the default is a complete method whose formula and constants were read first-hand."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    formula: Reading = "first-hand"
    constants: Reading = "first-hand"
    not_published: tuple[str, ...] = ()  # settings by their names, choices in words
    left_out: tuple[str, ...] = ()  # what the paper adds to it, other than a KL penalty beside it

    @property
    def status(self) -> str:
        """One line: `complete`, or what falls short of it."""
        read = {"formula": self.formula, "constants": self.constants}
        if self.formula == self.constants:
            read = {"formula and constants": self.formula}
        found = [f"{what} {reading}" for what, reading in read.items() if reading != "first-hand"]
        found += [f"not published: {', '.join(self.not_published)}"] if self.not_published else []
        found += [f"left out: {', '.join(self.left_out)}"] if self.left_out else []
        return "; ".join(found) or "complete"


def merged(parts: list[Sources]) -> Sources:
    """The sources of a method made of others: read as badly as the worst of them, and lacking what each lacks."""
    return Sources(
        formula=max((part.formula for part in parts), key=READINGS.index),
        constants=max((part.constants for part in parts), key=READINGS.index),
        not_published=tuple(dict.fromkeys(item for part in parts for item in part.not_published)),
        left_out=tuple(dict.fromkeys(item for part in parts for item in part.left_out)),
    )
