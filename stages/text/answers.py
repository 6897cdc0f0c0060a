"""Answers as one text where only their spelling differs."""

import re


def normalise_answer(answer: str) -> str:
    r"""Without spaces, `$`, `\,` and a final full stop; an integer also without leading zeros, `+`, `-0` and `.0`."""
    text = re.sub(r"\\[,;!]|\\ |[\s$]", "", answer).removesuffix(".")
    number = re.fullmatch(r"([+-]?)0*(\d+?)(?:\.0+)?", text)
    if not number:
        return text
    sign, digits = number.groups()
    return digits if sign != "-" or digits == "0" else f"-{digits}"
