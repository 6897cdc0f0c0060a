r"""Everything that knows EvalScope; this file itself imports nothing, so that every stage may use it.

`PROMPTS` is what a problem is wrapped in before it becomes the user's message of a chat, in training and in evaluation
alike. `boxed` is the sentence of verl's own MATH recipe.
"""

PROMPTS = {
    "plain": "{problem}",
    "boxed": "{problem} Let's think step by step and output the final answer within \\boxed{{}}.",
}


def prompt_of(template: str, problem: str) -> str:
    """The user's message for `problem`; `template` is a key of PROMPTS."""
    return PROMPTS[template].format(problem=problem)
