r"""Readers of training sets; the package says what they return."""

import re

from stages.datasets.cleaning import Row
from stages.text.boxed import last_boxed_answer

# Chinese problems of DAPO-Math-17k carry a prompt of their own, some in both spellings: “think step by step, give the
# answer as "Answer: \boxed{<final_answer>}", for multiple choice …”.
CHINESE_PROMPT = re.compile(
    r"\s*让我们一步一步地思考。请以[“\"]Answer: \\boxed\{<final_answer>\}[”\"]的格式输出最终答案。.*\Z", re.DOTALL
)
# https://github.com/verl-project/verl, recipe/dapo: the prompt in which the hub's DAPO-Math-17k and AIME-2024 stand
DAPO_PROMPT = (
    "Solve the following math problem step by step. The last line of your response should be of the form "
    "Answer: $Answer (without quotes) where $Answer is the answer to the problem.\n\n",
    '\n\nRemember to put your answer on its own line after "Answer:".',
)
STEER_PROMPT = (
    "Solve the following math problem step by step. The last line of your response should be of the form "
    "\\boxed{Answer} where Answer is the answer to the problem.\n\n",
    "\n\nRemember to put your answer in \\boxed{...} format on its own line.",
)
UNBRACED_BOX = re.compile(r"\\boxed\s+([^\s${}]+)\$")


def dapo(row: Row) -> Row:
    return _without_leftover(row["prompt"][0]["content"]) | {"answer": row["reward_model"]["ground_truth"].strip()}


def dapo_hub(row: Row) -> Row:
    """The hub's copy: English problems stand in DAPO's prompt, Chinese ones before their own.

    DAPO's prompt asks for "Answer:", which this bench's rewards do not read, so neither variant keeps it; nor the
    Chinese one, which here is the prompt and not a leftover.
    """
    content = row["prompt"][0]["content"]
    problem = unwrap(content, DAPO_PROMPT) if content.startswith(DAPO_PROMPT[0]) else _one_chinese_prompt_less(content)
    return _without_leftover(problem) | {"answer": row["reward_model"]["ground_truth"].strip()}


def steer_training(row: Row) -> Row:
    r"""STEER's copy; its prompts ask for `\boxed{}`."""
    content = row["prompt"][0]["content"]
    problem = (
        unwrap(content, STEER_PROMPT) if content.startswith(STEER_PROMPT[0]) else _one_chinese_prompt_less(content)
    )
    read = _without_leftover(problem)
    return read | {"released": content, "asks_itself": True, "answer": row["reward_model"]["ground_truth"].strip()}


def math(row: Row) -> Row:
    r"""The answer is the last `\boxed{}` of the solution: the column `target` lost spaces and whole commands."""
    gold = row["reward_model"]["ground_truth"]
    read = {"problem": row["prompt"][0]["content"], "answer": last_boxed_answer(gold["solution"]) or ""}
    if not read["answer"] and (unbraced := UNBRACED_BOX.findall(gold["solution"])):
        read |= {"answer": unbraced[-1], "mended": "box without braces"}
    level = row["level"].removeprefix("Level ")
    return read | ({"mended": "level unknown"} if level == "?" else {"level": int(level)})


def gsm8k(row: Row) -> Row:
    _, answer = row["answer"].split("####")
    return {"problem": row["question"], "answer": answer.strip().replace(",", "")}


def unwrap(content: str, prompt: tuple[str, str]) -> str:
    """What stands between the two texts of `prompt`; ValueError if it does not stand in them."""
    before, after = prompt
    if not (content.startswith(before) and content.endswith(after)):
        raise ValueError(f"the problem does not stand in the prompt {before[:40]!r} …")
    return content[len(before) : -len(after)]


def _one_chinese_prompt_less(content: str) -> str:
    """Without the last Chinese prompt; ValueError if there is none."""
    start = content.rfind("\n让我们一步一步地思考。请以")
    if start < 0 or not CHINESE_PROMPT.fullmatch(content[start:]):
        raise ValueError("the problem stands in no known prompt")
    return content[:start]


def _without_leftover(problem: str) -> Row:
    question = CHINESE_PROMPT.sub("", problem)
    if question == problem:
        return {"problem": problem}
    return {"problem": question, "released": problem, "mended": "leftover prompt"}
