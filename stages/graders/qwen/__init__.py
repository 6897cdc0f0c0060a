r"""The grader of Qwen2.5-Math's evaluation, in the copy that STEER's evaluation calls; our own code, its behaviour.

    answer        the answer that a text gives
    spelling      the one spelling of an answer that is compared: units, `\left`, spaces and the like taken away
    number_words  "twenty-five" as 25, as the package word2number reads it
    equality      whether an answer is the gold: as text, as a number, part by part, or as a formula
    formula       two formulas compared by SymPy

The rule is that of QwenLM/Qwen2.5-Math at a45202bd, evaluation/{parser,grader}.py, data set `math`, as zz-haooo/STEER at
b31df71 has it in verl/utils/reward_score/qwen_math_eval_toolkit. It is reproduced where it is odd: units are taken out of
the middle of formulas, a text with the word "point" is 0, and 5 and 500 are one answer, as are 5 and 0.05. What differs,
and how it was measured, is in docs/qwen_math.md.
"""
