"""A number written in English words, read as word2number 1.1 reads it, whose result Qwen2.5-Math's spelling depends on.

Words that are no part of a number are passed over, wherever they stand: "no point" is 0. Where the rule for a number's parts
is odd (after "million" the last part counts again if "thousand" ends the number), so is this.
"""

SMALL = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
SCALES = {"billion": 10**9, "million": 10**6, "thousand": 10**3}  # from the largest, the order in which they may stand
VALUES = {
    **{word: value for value, word in enumerate(SMALL.split())},
    **{word: 10 * value for value, word in enumerate(TENS.split(), 2)},
    "hundred": 100,
    **SCALES,
}
POINT = "point"
DIGITS = SMALL.split()[:10]


def number_in_words(text: str) -> int | float | None:
    """None where `text` has no number, or one that cannot be read."""
    text = text.replace("-", " ").lower()
    if text.isdigit():
        return int(text) if text.isdecimal() else None  # `²` is a digit, and no number
    words = [word for word in text.split() if word in VALUES or word == POINT]
    if not words or any(words.count(word) > 1 for word in (*SCALES, POINT)):
        return None
    whole, decimals = words, []
    if POINT in words:
        at = words.index(POINT)
        whole, decimals = words[:at], words[at + 1 :]
    integer = _integer(whole)
    if integer is None:
        return None
    if not decimals:
        return integer
    known = all(word in DIGITS for word in decimals)
    return integer + (float("0." + "".join(str(VALUES[word]) for word in decimals)) if known else 0)


def _integer(words: list[str]) -> int | None:
    """None where the scales stand in a wrong order, or nothing stands before one."""
    if not words:
        return 0
    if len(words) == 1:
        return VALUES[words[0]]
    places = {scale: words.index(scale) for scale in SCALES if scale in words}
    if list(places.values()) != sorted(places.values()):
        return None
    total, start = 0, 0
    for scale, at in places.items():
        if at == start:
            return None
        total += _below_a_thousand(words[start:at]) * SCALES[scale]
        start = at + 1
    for at in reversed(places.values()):  # the smallest scale that something follows
        if at + 1 < len(words):
            return total + _below_a_thousand(words[at + 1 :])
    return total if places else _below_a_thousand(words)


def _below_a_thousand(words: list[str]) -> int:
    """Two to four words make one number; of more, only the first counts."""
    values = [VALUES[word] for word in words]
    match values:
        case [hundreds, scale, tens, ones]:
            return hundreds * scale + tens + ones
        case [hundreds, scale, rest]:
            return hundreds * scale + rest
        case [first, second]:
            return first * second if 100 in values else first + second
    return values[0]
