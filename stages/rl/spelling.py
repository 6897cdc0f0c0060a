"""Whether all that a method defines is used: a misspelt hook is never called, and the method would be GRPO in silence."""

import ast
import inspect
import sys
from difflib import get_close_matches

from stages.common.files import InputError
from stages.rl.method import Method


def check_names(method: type[Method]) -> None:
    """InputError names a function, attribute or setting of `method`'s class that is no hook and that its file never uses.

    What a class of another file defines is checked with that class.
    """
    module = sys.modules[method.__module__]
    used = _names_used(inspect.getsource(module))
    known = {name for name in dir(Method) if not name.startswith("_")}
    for part in (part for part in method.__mro__ if part.__module__ == module.__name__ and issubclass(part, Method)):
        for name in vars(part):
            if name.startswith("_") or name in known or name in used:
                continue
            near = get_close_matches(name, known, 1)
            meant = f"; {near[0]} is meant?" if near else f"; hooks are {', '.join(sorted(_hooks()))}"
            raise InputError(f"{_file(module.__name__)}: {part.__name__}.{name} is no hook, and nothing uses it{meant}")
        for name in vars(part.Settings).get("__annotations__", {}) if "Settings" in vars(part) else ():
            inherited = any(
                name in base.__annotations__ for base in part.Settings.__mro__[1:] if hasattr(base, "__annotations__")
            )
            if name != "variant_defaults" and not inherited and name not in used:
                raise InputError(f"{_file(module.__name__)}: nothing reads the setting {name}; use it or remove it")


def _names_used(source: str) -> set[str]:
    """What a text reads by name, as an attribute or in a string; definitions and assignments are no use."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    return found


def _hooks() -> set[str]:
    from stages.rl.method import HOOKS
    from stages.rl.settings import Settings

    return {name for names in HOOKS.values() for name in names} - set(Settings.model_fields)


def _file(module: str) -> str:
    return module.replace(".", "/") + ".py"
