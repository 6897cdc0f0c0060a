"""The catalogue of methods.

python -m stages.methods          all of them, as a table
python -m stages.methods NAME     one in full
python -m stages.methods --write  the table into docs/methods.md
"""

from pathlib import Path

from stages.common.command import run_stage
from stages.common.files import InputError, write_text
from stages.methods import METHODS, NOT_IMPLEMENTED, class_of
from stages.rl.catalogue import Entry, describe, in_full, table

DOCUMENT = Path("docs/methods.md")
HEAD = """# The methods

Written by `python -m stages.methods --write` from the methods' files. Each is GRPO with what its row names changed;
`python -m stages.methods NAME` prints one in full: formula, sources of the defaults, deviations from the paper.

- *settings beside GRPO's*: with their defaults; `required` ones are constants that nobody published.
- *variants*: `code` and `verl` are the released-code variants. They do what released code does, also where it differs
  from the paper, and bring the settings in brackets, those of that code, unless a run sets others.
- *asks for*: what a method costs beside GRPO's passes: one more forward pass over each mini-batch, the log-probs of a
  reference policy or of a teacher, or a second look at the logits.
- *controls*: the values of the setting `control` that the method has, with which it loses its criterion and keeps its
  strength (`stages/rl/controls.py`); `none` where it selects or weighs and has no control, with the reason. Methods that
  set a baseline, a normalisation, a clip width, a shape of the ratio or a term for all tokens do neither.
- *reduces to GRPO at*: the settings at which it trains as `grpo` does.
- *status*: `complete`, or what falls short of it. `second-hand`: read in somebody's transcription, not in the paper or
  its authors' code. `not published`: settings and choices that this bench had to make. `left out`: what the paper adds
  to the method; KL penalties are not listed, since the bench leaves them out of every method that is not about them.

"""


def catalogue() -> tuple[list[Entry], list[str]]:
    """The entries, and what is wrong with the methods that have none."""
    entries, wrong = [], []
    for name in METHODS:
        try:
            entries.append(describe(name, class_of(name)))
        except (InputError, ValueError) as error:
            wrong.append(str(error))
    return entries, wrong


def document() -> str:
    """InputError where a method has no entry: a catalogue without it would pass for whole."""
    entries, wrong = catalogue()
    if wrong:
        raise InputError(wrong[0])
    return HEAD + table(entries, NOT_IMPLEMENTED)


def main(arguments: list[str]) -> None:
    match arguments:
        case []:
            entries, wrong = catalogue()
            print(table(entries, NOT_IMPLEMENTED), end="")
            if wrong:
                raise InputError(f"left out of the table: {'; '.join(wrong)}")
        case ["--write"]:
            write_text(DOCUMENT, document())
        case [name] if name in METHODS:
            print(in_full(_entry(name), class_of(name)), end="")
        case [name] if name in NOT_IMPLEMENTED:
            paper, reason = NOT_IMPLEMENTED[name]
            raise InputError(f"{name} (arXiv {paper}) is not implemented: {reason}")
        case _:
            raise InputError("usage: python -m stages.methods [NAME | --write]; without a name all are listed")


def _entry(name: str) -> Entry:
    try:
        return describe(name, class_of(name))
    except ValueError as error:
        raise InputError(f"stages/methods/{name}.py: {error}")


if __name__ == "__main__":
    run_stage(main)
