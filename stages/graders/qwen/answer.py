r"""The answer that a text gives: what stands in its last `boxed`, else after "he answer is", else its last number."""

import re

from stages.graders.qwen.spelling import spelled

ENDS = ("</s>", "<|im_end|>", "<|endoftext|>")  # what follows one of them is not the model's answer
MINERVA = "final answer is $", "$. I hope"  # the end of an answer in Minerva's examples
STATED = ("he answer is", "final answer is")
STATED_IN_CHINESE = "答案是"
NUMBER = re.compile(r"-?\d*\.?\d+")
ANSWER_OF_A_DIALOGUE = re.compile(r"^.*?(?=<\|im_start\|>assistant)", re.DOTALL)


def answer_of(text: str) -> str:
    """In the spelling that is compared; "" where the text gives none."""
    text = ANSWER_OF_A_DIALOGUE.sub("", text, count=1)
    for end in ENDS:
        if end in text:
            text = text.split(end)[0].strip()
    found = re.sub(r"\n\s*", "", _stated(text.replace("ки", "")))
    found = found.removeprefix(":").removesuffix(".").removesuffix("/")
    return spelled(found)


def _stated(text: str) -> str:
    before, after = MINERVA
    if before in text and after in text:
        return text.split(before, 1)[1].split(after, 1)[0].strip()
    if "boxed" in text:
        return _boxed(text.rpartition("boxed")[2])
    for words in STATED:
        if words in text:
            return text.rpartition(words)[2].strip()
    if STATED_IN_CHINESE in text:
        return text.split(STATED_IN_CHINESE)[1].strip().split("\n\n")[0].strip()
    numbers = NUMBER.findall(text.replace(",", ""))
    return numbers[-1] if numbers else ""


def _boxed(rest: str) -> str:
    """What the braces hold with which `rest` begins, to its end if they do not close; without braces, all before a `$`."""
    if not rest.startswith("{"):
        return rest.split("$")[0].strip()
    depth = 1
    for position, character in enumerate(rest[1:], 1):
        depth += (character == "{") - (character == "}")
        if depth == 0:
            return rest[1:position]
    return rest[1:]
