"""Whether all that a method defines is used: a misspelt hook is never called, and the method would be GRPO in silence."""

import ast
import inspect
import sys
from difflib import get_close_matches

from stages.common.files import InputError
from stages.rl.method import Method


def check_names(method: type[Method]) -> None:
    """InputError names a function, attribute or setting of `method`'s class that is no hook and that its file never uses, or
    a setting that the file reads and the method does not have.

    What a class of another file defines is checked with that class.
    """
    module = sys.modules[method.__module__]
    tree = ast.parse(inspect.getsource(module))
    used = _names_used(tree)
    for name in _settings_read(tree):  # by any class of the file, of those that the method ends up with
        if not hasattr(method.Settings, name) and name not in method.Settings.model_fields:
            near = get_close_matches(name, method.Settings.model_fields, 1)
            meant = f"{near[0]} is meant?" if near else "declare it in Settings"
            raise InputError(f"{_file(module.__name__)}: self.settings.{name} is no setting; {meant}")
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


def _names_used(tree: ast.Module) -> set[str]:
    """What a text reads by name, as an attribute or in a string; definitions and assignments are no use, and `sources`
    only says where settings come from.
    """
    found, named = set(), {node for of in ast.walk(tree) if _gives_sources(of) for node in ast.walk(of)}
    for node in ast.walk(tree):
        if node in named:
            continue
        if isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    return found


def _gives_sources(node: ast.AST) -> bool:
    return isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == "sources" for to in node.targets)


def _settings_read(tree: ast.Module) -> list[str]:
    """The names in `self.settings.<name>`, in their order."""
    return [
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "settings"
        and isinstance(node.value.value, ast.Name)
        and node.value.value.id == "self"
    ]


def _hooks() -> set[str]:
    from stages.rl.method import HOOKS
    from stages.rl.settings import Settings

    return {name for names in HOOKS.values() for name in names} - set(Settings.model_fields)


def _file(module: str) -> str:
    return module.replace(".", "/") + ".py"
