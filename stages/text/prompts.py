r"""The prompt templates: what a problem is wrapped in before it becomes the user's message of a chat.

Training and evaluation use the same ones. `plain` adds nothing: the problem says itself what is wanted. The others are
the wordings of

- `boxed`: verl's MATH recipe (verl, examples/data_preprocess/math_dataset.py);
- `boxed_simplerl`: SimpleRL-Zoo and Oat (second-hand, as is the line break before the sentence);
- `dapo_answer`: DAPO, as in its data sets (BytedTsinghua-SIA/DAPO, eval/aime-2024.parquet at 33fe3176);
- `steer_boxed_answer`: STEER's training set (zz-haooo/STEER, datasets/DAPO-Math-17k.parquet at b31df716).
"""

PROMPTS = {
    "plain": "{problem}",
    "boxed": "{problem} Let's think step by step and output the final answer within \\boxed{{}}.",
    "boxed_simplerl": "{problem}\nPlease reason step by step, and put your final answer within \\boxed{{}}.",
    "dapo_answer": (
        "Solve the following math problem step by step. The last line of your response should be of the form "
        "Answer: $Answer (without quotes) where $Answer is the answer to the problem.\n\n{problem}\n\n"
        'Remember to put your answer on its own line after "Answer:".'
    ),
    "steer_boxed_answer": (
        "Solve the following math problem step by step. The last line of your response should be of the form "
        "\\boxed{{Answer}} where Answer is the answer to the problem.\n\n{problem}\n\n"
        "Remember to put your answer in \\boxed{{...}} format on its own line."
    ),
}
WITHOUT_BOX = ("dapo_answer",)


def prompt_of(template: str, problem: str) -> str:
    """The user's message for `problem`; `template` is a key of PROMPTS."""
    return PROMPTS[template].format(problem=problem)
