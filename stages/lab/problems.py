r"""Three families of generated problems, each at three levels, with several styles of worked solution.

    sum    `total 3 8 2`            ->  ` left:3+8=11;11+2=13 so\boxed{13}`
    chain  `take 3 add 4 double`    ->  ` step:3+4=7;7*2=14 so\boxed{14}`
    code   `write add 3 double`     ->  ` post: so\boxed{(x+3)*2}`       (an expression of x)

A solution's first word names its style. In the warm-start data every style is equally frequent, but each prompt
template has two strong styles, in which a step slips with probability .02, and weak ones, in which it slips with
probability .12. A careless connector (` then`, ` now`, ` hm` instead of `;`) multiplies that. A slip is carried
forward, so an early fork has consequences: there is something for RL to learn (the strong styles, the careful
connector) and something to lose (the other styles).
"""

import hashlib
import random
from dataclasses import dataclass
from itertools import pairwise

LONGEST = 128  # tokens of prompt and response together that the model holds; the longest have about 75
FAMILIES = ("sum", "chain", "code")
LEVELS = (1, 2, 3)
TEMPLATES = {
    "sum": ("sum", "total", "count", "tally"),
    "chain": ("start", "begin", "take", "from"),
    "code": ("write", "code", "expr", "lambda"),
}
STYLES = {
    "sum": ("left", "right", "big", "mix", "pair", "fast"),
    "chain": ("step", "say", "brief", "fast"),
    "code": ("post", "pre", "rep", "flip", "build"),
}
# Connector -> (how often the warm-start data uses it, how much it multiplies the slip rate). The skew is what lets
# entropy fall later: with equally frequent connectors their entropy never moves and hides that of the styles.
CONNECTORS = {";": (0.91, 1.0), " then": (0.03, 1.6), " now": (0.03, 2.2), " hm": (0.03, 3.2)}
FINAL_WORDS = {" so": 0.94, " thus": 0.03, " answer": 0.03}
OPERATIONS = ("add", "minus", "double")
SLIP_STRONG, SLIP_WEAK, SLIP_FAST, SLIP_LARGEST = 0.02, 0.12, 0.10, 0.60
LARGEST_VALUE = 99
HELD_OUT_OF = 5  # one prompt in five, chosen by its hash, is never trained on

Operation = tuple[str, int | None]


@dataclass(frozen=True)
class Problem:
    """One problem: `numbers` are a sum's terms or a chain's start; `operations` are (word, operand or None)."""

    family: str
    level: int
    template: int
    numbers: tuple[int, ...]
    operations: tuple[Operation, ...]

    @property
    def prompt(self) -> str:
        words = [TEMPLATES[self.family][self.template], *map(str, self.numbers)]
        for word, operand in self.operations:
            words += [word] if operand is None else [word, str(operand)]
        return " ".join(words)

    @property
    def answer(self) -> str:
        """The value; for `code` the expected values at `CODE_POINTS`, space separated."""
        if self.family == "sum":
            return str(sum(self.numbers))
        if self.family == "chain":
            return str(apply_operations(self.numbers[0], self.operations)[-1])
        return " ".join(str(apply_operations(x, self.operations)[-1]) for x in CODE_POINTS)


CODE_POINTS = (-3, 0, 1, 2, 5, 11)


def apply_operation(value: int, operation: Operation) -> int:
    word, operand = operation
    if operand is None:
        return value * 2
    return value + operand if word == "add" else value - operand


def apply_operations(value: int, operations: tuple[Operation, ...]) -> list[int]:
    """Every intermediate value, the start excluded."""
    values = []
    for operation in operations:
        value = apply_operation(value, operation)
        values.append(value)
    return values


def is_held_out(prompt: str) -> bool:
    """Whether a prompt belongs to evaluation. Decided by its text alone, so no seed can move one across."""
    return hashlib.sha256(prompt.encode()).digest()[0] % HELD_OUT_OF == 0


def generate_problem(rng: random.Random, family: str, level: int) -> Problem:
    template = rng.randrange(len(TEMPLATES[family]))
    if family == "sum":
        largest_term = {1: 6, 2: 8, 3: 9}[level]
        terms = tuple(rng.randint(1, largest_term) for _ in range(level + 2))
        return Problem(family, level, template, terms, ())
    while True:
        start = rng.randint(1, 9)
        operations = tuple(_generate_operation(rng) for _ in range(level + 1))
        words = [word for word, _ in operations]
        if family == "chain" and all(0 <= value <= 49 for value in apply_operations(start, operations)):
            return Problem(family, level, template, (start,), operations)
        # A code problem doubles at least once and never twice in a row, or its styles would be one expression.
        if family == "code" and "double" in words and ("double", "double") not in pairwise(words):
            return Problem(family, level, template, (), operations)


def _generate_operation(rng: random.Random) -> Operation:
    word = rng.choices(OPERATIONS, (0.40, 0.35, 0.25))[0]
    return word, None if word == "double" else rng.randint(1, 9)


def generate_set(seed: str, families: tuple[str, ...], per_level: int, held_out: bool) -> list[Problem]:
    """Distinct problems, `per_level` for each family and level, all held out or none of them.

    Raises ValueError when a family has too few distinct prompts of a level for `per_level`.
    """
    rng = random.Random(seed)
    problems: list[Problem] = []
    for family in families:
        for level in LEVELS:
            found: dict[str, Problem] = {}
            for _ in range(1000 + 200 * per_level):
                problem = generate_problem(rng, family, level)
                if is_held_out(problem.prompt) == held_out:
                    found.setdefault(problem.prompt, problem)
                if len(found) == per_level:
                    break
            if len(found) < per_level:
                raise ValueError(
                    f"{family} level {level} has only about {len(found)} distinct problems, not {per_level}"
                )
            problems += found.values()
    return problems


def write_solution(rng: random.Random, problem: Problem, style: str | None = None) -> str:
    """A worked solution with slips at the rates of its style; `style` None draws one uniformly."""
    styles = STYLES[problem.family]
    style = style or rng.choice(styles)
    writer = {"sum": _write_sum, "chain": _write_chain, "code": _write_code}[problem.family]
    return f" {style}:{writer(rng, problem, style, _slip_rate(problem, style))}"


def _slip_rate(problem: Problem, style: str) -> float:
    styles = [s for s in STYLES[problem.family] if s != "fast"]
    if style == "fast":
        return SLIP_FAST
    return SLIP_STRONG if (styles.index(style) - problem.template) % len(styles) in (0, 1) else SLIP_WEAK


def _slip(rng: random.Random, value: int) -> int:
    wrong = value + rng.choice((-10, -2, -1, 1, 2, 10))
    return wrong if 0 <= wrong <= LARGEST_VALUE else value + (1 if value < LARGEST_VALUE else -1)


class _Steps:
    """Writes steps one after another: a connector before each but the first, a slip now and then."""

    def __init__(self, rng: random.Random, slip_rate: float):
        self.rng, self.slip_rate, self.text, self.factor = rng, slip_rate, "", 1.0

    def write(self, step: str, value: int) -> int:
        """Appends `step` and the value it arrives at (possibly a slip); returns that value."""
        if self.text:
            connector = self.rng.choices(list(CONNECTORS), [share for share, _ in CONNECTORS.values()])[0]
            self.text, self.factor = self.text + connector, CONNECTORS[connector][1]
        value = max(0, min(LARGEST_VALUE, value))
        if self.rng.random() < min(SLIP_LARGEST, self.slip_rate * self.factor):
            value = _slip(self.rng, value)
        self.text += f"{step}{value}"
        return value


def _finish(rng: random.Random, text: str, answer: object) -> str:
    return f"{text}{rng.choices(list(FINAL_WORDS), list(FINAL_WORDS.values()))[0]}\\boxed{{{answer}}}"


def _write_sum(rng: random.Random, problem: Problem, style: str, slip_rate: float) -> str:
    terms = list(problem.numbers)
    if style == "fast":
        value = sum(terms)
        return _finish(rng, "", _slip(rng, value) if rng.random() < slip_rate else value)
    if style == "right":
        terms.reverse()
    elif style == "big":
        terms.sort(reverse=True)
    elif style == "mix":
        rng.shuffle(terms)
    steps = _Steps(rng, slip_rate)
    while len(terms) > 1:
        if style == "pair":  # add neighbours, level by level
            pairs = [terms[i : i + 2] for i in range(0, len(terms), 2)]
            terms = [p[0] if len(p) == 1 else steps.write(f"{p[0]}+{p[1]}=", p[0] + p[1]) for p in pairs]
        else:  # running total
            terms = [steps.write(f"{terms[0]}+{terms[1]}=", terms[0] + terms[1]), *terms[2:]]
    return _finish(rng, steps.text, terms[0])


def _write_chain(rng: random.Random, problem: Problem, style: str, slip_rate: float) -> str:
    value = problem.numbers[0]
    if style == "fast":
        value = apply_operations(value, problem.operations)[-1]
        return _finish(rng, "", _slip(rng, value) if rng.random() < slip_rate else value)
    steps = _Steps(rng, slip_rate)
    for word, operand in problem.operations:
        if style == "step":
            sign = {"add": f"+{operand}", "minus": f"-{operand}", "double": "*2"}[word]
            step = f"{value}{sign}="
        elif style == "say":
            step = f" {word} gives " if operand is None else f" {word} {operand} gives "
        else:
            step = ""
        value = steps.write(step, apply_operation(value, (word, operand)))
    return _finish(rng, steps.text, value)


def _write_code(rng: random.Random, problem: Problem, style: str, slip_rate: float) -> str:
    """An expression built operation by operation. A slip misreads an operand or forgets the parentheses."""
    expression, is_sum, stages = "x", False, []
    for word, operand in problem.operations:
        slipped = rng.random() < 1.5 * slip_rate
        if operand is None:  # double
            inner = f"({expression})" if is_sum and not slipped else expression
            factor = 3 if slipped and not is_sum else 2
            is_sum = style == "rep" and len(expression) <= 7
            if is_sum:
                expression = "+".join([inner] * factor)
            else:
                expression = f"{factor}*{inner}" if style == "pre" else f"{inner}*{factor}"
        else:
            operand = max(1, min(9, operand + rng.choice((-1, 1)))) if slipped else operand
            flipped = style == "flip" and word == "add"
            expression = (
                f"{operand}+{expression}" if flipped else f"{expression}{'+' if word == 'add' else '-'}{operand}"
            )
            is_sum = True
        stages.append(expression)
    shown = stages[:-1] if style == "build" else []
    text = "".join(
        stage + rng.choices(list(CONNECTORS), [share for share, _ in CONNECTORS.values()])[0] for stage in shown
    )
    return _finish(rng, text, expression)
