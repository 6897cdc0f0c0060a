"""What code a stage runs, and a fingerprint of it.

What a module uses is read from its text: the modules that it imports; modules that it names in a string, to load them by
name or to start them as a process; and files of the repository that it names in a string. All of these count, however deep.
"""

import ast
import hashlib
import os
import re
from collections.abc import Iterator
from functools import cache
from os.path import normpath
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]
# What watches a run, or is run by hand beside it, and cannot change what it writes: no run is repeated for it.
WITHOUT_EFFECT = {
    "stages.backend.loggers",
    "stages.common.bar",
    "stages.common.repro",
    "stages.common.supervise",
    "stages.common.watcher",
    "stages.datasets.audit",
    "stages.datasets.mirror",
}
# They load what they list by name, and a new entry concerns no run but its own: the plan of a run names its method's
# module, and carries what it uses of a benchmark.
REGISTRIES = {Path("stages/methods/__init__.py"), Path("stages/benchmarks/__init__.py")}
# Below the root. Inside this module a path is text, relative to the root: objects would take most of the time.
WHERE_FILES_ARE_NAMED = ("stages", "data")
MODULE = re.compile(r"stages(?:\.\w+)+")
FILE = re.compile(r"[\w./-]+\.\w+")
FOLDER = re.compile(r"\w+")


class NotCovered(Exception):
    """The code uses something that cannot be found by reading it, so that a change of it would go unnoticed."""


def code_files(modules: list[str]) -> list[Path]:
    """The files that `modules` are made of, sorted, relative to the root: their own, and all that they use.

    NotCovered where a name leads to nothing, or a module is loaded whose name is computed.
    """
    registries = {path.as_posix() for path in REGISTRIES}
    found: set[str] = set()
    pending = [path for module in modules for path in _files_of(module)]
    while pending:
        path = pending.pop()
        if path not in found and path not in registries:
            found.add(path)
            pending += _used_by(path)
    return sorted(map(Path, found))


def fingerprint(modules: list[str]) -> str:
    """sha256 over the code of `code_files`. Comments, docstrings and layout of Python do not count, all else does."""
    return _fingerprint(tuple(modules))


@cache
def _fingerprint(modules: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for path in code_files([*modules]):
        name = path.as_posix()
        digest.update(f"{name}\0".encode() + _code(name) + b"\0")
    return digest.hexdigest()


@cache
def _used_by(path: str) -> tuple[str, ...]:
    """The project's files that the file `path` names or imports; none of a file that is neither Python nor YAML."""
    if path.endswith(".yaml"):
        names = MODULE.findall((ROOT / path).read_text(encoding="utf-8"))
        return tuple(file for name in names for file in _files_of(_module_in(name, path)))
    if not path.endswith(".py"):
        return ()
    nodes = _nodes(path)
    found: list[str] = []
    for name in _imported(nodes):
        found += _files_of(name)
    for text in _strings(nodes):
        if MODULE.fullmatch(text):
            found += _files_of(_module_in(text, path))
        elif FILE.fullmatch(text) or FOLDER.fullmatch(text):
            found += _files_named(text, path)
    if line := _computed_import(nodes):
        raise NotCovered(f"{path} line {line}: import_module of a name that is computed; give the name as a string")
    return tuple(found)


@cache
def _folders() -> dict[str, list[str]]:
    """Folder of the code or of its data -> the names of its files; what Python has compiled is none of them."""
    found = {}
    for where in WHERE_FILES_ARE_NAMED:
        for folder, inside, files in os.walk(ROOT / where):
            inside[:] = [name for name in inside if name != "__pycache__"]
            found[os.path.relpath(folder, ROOT)] = [name for name in files if not name.endswith(".pyc")]
    return found


@cache
def _files() -> frozenset[str]:
    return frozenset(f"{folder}/{name}" for folder, names in _folders().items() for name in names)


@cache
def _last_names() -> frozenset[str]:
    """What a name of a file or folder can end with: most strings of the code end with none of these."""
    return frozenset(path.rpartition("/")[2] for path in [*_files(), *_folders()])


@cache
def _files_of(module: str) -> tuple[str, ...]:
    """A module's file, and those of the packages that importing it runs."""
    if module in WITHOUT_EFFECT:
        return ()
    parts = module.split(".")
    packages = ["/".join([*parts[:depth], "__init__.py"]) for depth in range(1, len(parts))]
    return tuple(path for path in [*packages, _file(module)] if path in _files())


def _file(module: str) -> str:
    path = module.replace(".", "/")
    return f"{path}/__init__.py" if path in _folders() else f"{path}.py"


def _module_in(name: str, path: str) -> str:
    """The module that `name` is, or that has the class or function of that name."""
    for module in (name, name.rpartition(".")[0]):
        if module != "stages" and _file(module) in _files():
            return module
    raise NotCovered(f"{path} names {name}, and there is no such module; correct the name")


def _imported(nodes: list[ast.AST]) -> Iterator[str]:
    for node in nodes:
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        yield from (name for name in names if MODULE.fullmatch(name) and _file(name) in _files())


def _strings(nodes: list[ast.AST]) -> set[str]:
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def _files_named(text: str, file: str) -> list[str]:
    """The files that `text` names, seen from the folder of `file` or one above it: a file of the code or of its data, or
    all files of a folder of the code that is no package.
    """
    if text.rpartition("/")[2] not in _last_names():
        return []
    for above in PurePosixPath(file).parents:
        path = normpath(f"{above}/{text}")
        if path in _files():
            return [path]
        if path.startswith("stages/") and path in _folders() and "__init__.py" not in _folders()[path]:
            return [inside for inside in _files() if inside.startswith(f"{path}/")]
    return []


def _computed_import(nodes: list[ast.AST]) -> int | None:
    """The line of the first import of a module by a name that is no plain string."""
    for node in nodes:
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in ("import_module", "__import__") and not isinstance(node.args[0], ast.Constant):
                return node.lineno
    return None


@cache
def _nodes(path: str) -> list[ast.AST]:
    """The nodes of a Python file without its docstrings, the whole module first."""
    nodes: list[ast.AST] = [ast.parse((ROOT / path).read_text(encoding="utf-8"))]
    for node in nodes:  # which grows meanwhile, by what is inside of the node
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and _docstring(node):
            node.body = node.body[1:] or [ast.Pass()]
        for inside in vars(node).values():
            if isinstance(inside, ast.AST):
                nodes.append(inside)
            elif isinstance(inside, list):
                nodes += [one for one in inside if isinstance(one, ast.AST)]
    return nodes


def _docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    first = node.body[0] if node.body else None
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)


@cache
def _code(path: str) -> bytes:
    """What counts of a file."""
    if path.endswith(".py"):
        return ast.unparse(_nodes(path)[0]).encode()
    return (ROOT / path).read_bytes()
