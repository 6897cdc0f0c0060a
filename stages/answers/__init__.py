r"""Short answers as they are written: what they say, and whether two of them say the same.

    spelling     one spelling for what LaTeX, Unicode, Markdown and programs write differently
    formula      a formula as a tree; every character of it is read, or it is refused
    values       the value of a formula, exact where it is rational; two formulas that are equal
    units        units, currencies and percent after or before a number
    reading      a whole answer: number, list, point, interval, set, matrix, equation, words
    equality     whether an answer says what a gold says
    stated       the answer of a text without a boxed one
    literal      golds that are no formula, compared as text
    golds        what preparation checks of every gold of a benchmark

All of it is pure functions. Nothing here imports math-verify, so that preparation and training can ask it as well.
"""
