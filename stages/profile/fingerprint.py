"""What code a stage runs, and a fingerprint of it.

What a module uses is read from its text: the modules that it imports; modules that it names in a string, to load them by
name or to start them as a process; and files of the repository that it names in a string. All of these count, however deep.
"""

import ast
import hashlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

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
MODULE = re.compile(r"stages(?:\.\w+)+")
FILE = re.compile(r"[\w./-]+\.\w+")
FOLDER = re.compile(r"\w+")


class NotCovered(Exception):
    """The code uses something that cannot be found by reading it, so that a change of it would go unnoticed."""


def code_files(modules: list[str]) -> list[Path]:
    """The files that `modules` are made of, sorted, relative to the root: their own, and all that they use.

    NotCovered where a name leads to nothing, or a module is loaded whose name is computed.
    """
    found: set[Path] = set()
    pending = [path for module in modules for path in _files_of(module)]
    while pending:
        path = pending.pop()
        if path not in found and path not in REGISTRIES:
            found.add(path)
            pending += _used_by(path)
    return sorted(found)


def fingerprint(modules: list[str]) -> str:
    """sha256 over the code of `code_files`. Comments, docstrings and layout of Python do not count, all else does."""
    digest = hashlib.sha256()
    for path in code_files(modules):
        content = _code(path).encode() if path.suffix == ".py" else (ROOT / path).read_bytes()
        digest.update(f"{path.as_posix()}\0".encode() + content + b"\0")
    return digest.hexdigest()


@cache
def _used_by(path: Path) -> tuple[Path, ...]:
    """The project's files that the file `path` names or imports; none of a file that is neither Python nor YAML."""
    if path.suffix == ".yaml":
        names = MODULE.findall((ROOT / path).read_text(encoding="utf-8"))
        return tuple(file for name in names for file in _files_of(_module_in(name, path)))
    if path.suffix != ".py":
        return ()
    nodes = list(ast.walk(_without_docstrings(path)))
    found: list[Path] = []
    for name in _imported(nodes):
        found += _files_of(name)
    for text in _strings(nodes):
        if MODULE.fullmatch(text):
            found += _files_of(_module_in(text, path))
        elif FILE.fullmatch(text) or FOLDER.fullmatch(text):
            found += _files_named(text, path.parent)
    if line := _computed_import(nodes):
        raise NotCovered(f"{path} line {line}: import_module of a name that is computed; give the name as a string")
    return tuple(found)


def _files_of(module: str) -> list[Path]:
    """A module's file, and those of the packages that importing it runs."""
    if module in WITHOUT_EFFECT:
        return []
    parts = module.split(".")
    packages = [Path(*parts[:depth], "__init__.py") for depth in range(1, len(parts))]
    return [path for path in [*packages, _file(module)] if (ROOT / path).is_file()]


def _file(module: str) -> Path:
    path = Path(*module.split("."))
    return path / "__init__.py" if (ROOT / path).is_dir() else path.with_suffix(".py")


def _module_in(name: str, path: Path) -> str:
    """The module that `name` is, or that has the class or function of that name."""
    for module in (name, name.rpartition(".")[0]):
        if module != "stages" and (ROOT / _file(module)).is_file():
            return module
    raise NotCovered(f"{path} names {name}, and there is no such module; correct the name")


def _imported(nodes: list[ast.AST]) -> Iterator[str]:
    for node in nodes:
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        yield from (name for name in names if MODULE.fullmatch(name) and (ROOT / _file(name)).is_file())


def _strings(nodes: list[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _files_named(text: str, folder: Path) -> list[Path]:
    """The files that `text` names, seen from `folder` or one above it: a file of the code or of its data, or all files of
    a folder of the code that is no package.
    """
    for above in (folder, *folder.parents):
        path = above / text
        if path.parts[:1] not in (("stages",), ("data",)):
            continue
        if (ROOT / path).is_file():
            return [path]
        if path.parts[0] == "stages" and (ROOT / path).is_dir() and not (ROOT / path / "__init__.py").exists():
            inside = sorted(file for file in (ROOT / path).rglob("*") if file.is_file() and file.suffix != ".pyc")
            return [file.relative_to(ROOT) for file in inside]
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
def _without_docstrings(path: Path) -> ast.Module:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:] or [ast.Pass()]
    return tree


@cache
def _code(path: Path) -> str:
    return ast.unparse(_without_docstrings(path))
