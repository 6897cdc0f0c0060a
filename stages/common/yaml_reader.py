"""YAML of the project's own files, read so that no other parser reads anything else in it.

PyYAML follows YAML 1.1, DVC's parser (ruamel.yaml) YAML 1.2. To the one `010` is 8, `1:30` is 90, `yes` is true and `1e-3` a
text; to the other they are 10, a text, a text and 0.001. A profile is read by both, so where they differ nothing is read.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from stages.common.files import InputError

OCTAL = re.compile(r"[-+]?0[0-9_]+")
MERGE = "tag:yaml.org,2002:merge"


def safe_load(text: str) -> Any:
    """The content of `text`, read by libyaml as `yaml.safe_load` reads it; yaml.YAMLError where it is not YAML."""
    return yaml.load(text, Loader=yaml.CSafeLoader)


def read_text(path: Path) -> str:
    """The text of a file; InputError where it is not UTF-8. FileNotFoundError where there is none."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8")


def read_yaml(path: Path) -> Any:
    """The content of a file. FileNotFoundError where there is none.

    InputError, naming the field and what to write, where the file is not YAML, repeats a key, holds a number with a leading
    zero, or holds what YAML 1.1 and YAML 1.2 read differently.
    """
    # imported here: only the environment that DVC is in has it, and the others read no YAML
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    text = read_text(path)
    try:
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
        content = safe_load(text)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date such as 2024-13-40
        raise InputError(f"{path} is not YAML: {' '.join(str(error).split())}")
    except RecursionError:
        raise InputError(f"{path} is nested too deeply; is it the right file?")
    places = dict(_places(node, path)) if node is not None else {}
    for place, scalar in places.items():
        if not scalar.style and OCTAL.fullmatch(scalar.value):
            raise InputError(
                f"{_field(path, place, scalar)}: {scalar.value} has a leading zero, which some parsers read as octal; "
                f"write {int(scalar.value.replace('_', ''))}, or '{scalar.value}' for a text"
            )
    try:
        other = YAML(typ="safe").load(text)
    except (YAMLError, ValueError) as error:
        raise InputError(f"{path} is not YAML to DVC's parser: {' '.join(str(error).split())}")
    if found := next(_differences(content, other, ()), None):
        place, ours, theirs = found
        name, node = ".".join(filter(None, place)), places.get(place)
        what = f"{_field(path, place, node)}: {node.value}" if node else f"{path}: {name}: this"
        raise InputError(
            f"{what} is {_written(ours)} in YAML 1.1 and {_written(theirs)} in YAML 1.2; write the one that is meant so"
        )
    return content


def _places(
    node: yaml.Node, file: Path, above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], yaml.ScalarNode]]:
    """Every scalar with its place; a key stands at its own place, where its value is no scalar. InputError: a key twice."""
    pending, seen = [(above, node)], set()
    while pending:
        place, node = pending.pop()
        if isinstance(node, yaml.ScalarNode):
            yield place, node
        elif id(node) in seen:  # an alias
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            pending += [((*place, str(number)), item) for number, item in reversed([*enumerate(node.value)])]
        elif isinstance(node, yaml.MappingNode):
            lines: dict[tuple[str, str], int] = {}
            for key, _ in node.value:
                name = (*place, str(key.value))
                line = key.start_mark.line + 1
                if isinstance(key, yaml.ScalarNode):
                    if first := lines.get((key.tag, key.value)):
                        raise InputError(f"{file}: {'.'.join(name)} stands twice (lines {first} and {line}); keep one")
                    lines[key.tag, key.value] = line
                    yield (*name, ""), key
            pending += [((*place, str(key.value)), value) for key, value in reversed(node.value) if key.tag != MERGE]


def _differences(ours: Any, theirs: Any, place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Where two readings of one file are not the same value of the same type."""
    if isinstance(ours, dict) and isinstance(theirs, dict) and len(ours) == len(theirs):
        known, other = {(type(key), key) for key in ours}, {(type(key), key) for key in theirs}
        missing = [
            [key for key in keys if (type(key), key) not in rest] for keys, rest in ((ours, other), (theirs, known))
        ]
        for key, other_key in zip(*missing, strict=False):
            text = key if isinstance(key, str) else other_key  # where a parser reads a text, that is what is written
            yield (*place, str(text), ""), key, other_key
        for key in ours.keys() & theirs.keys():
            yield from _differences(ours[key], theirs[key], (*place, str(key)))
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for number, (value, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from _differences(value, other, (*place, str(number)))
    elif type(ours) is not type(theirs) or (ours != theirs and ours == ours):
        yield place, ours, theirs


def _field(path: Path, place: tuple[str, ...], scalar: yaml.ScalarNode) -> str:
    return f"{path} line {scalar.start_mark.line + 1}: {'.'.join(filter(None, place))}"


def _written(value: Any) -> str:
    """How both parsers read `value`."""
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, float):
        text = repr(value)
        return text.replace("e", ".0e") if "e" in text and "." not in text else text
    return {"True": "true", "False": "false", "None": "null"}.get(str(value), str(value))
