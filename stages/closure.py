"""What a module is made of: the project's own modules that it imports, and a fingerprint of their code."""

import ast
import hashlib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Rooms that watch and report a run but cannot change what it writes: no run is repeated for them.
WITHOUT_EFFECT = {"stages.progress", "stages.supervise", "stages.datasets.audit", "stages.datasets.mirror"}
REGISTRIES = {Path("stages/methods/__init__.py"), Path("stages/benchmarks/__init__.py")}
# What a module loads by path or starts as a process, which no import statement shows.
BESIDE = {
    "stages.backend.config": ["stages/backend/agent_loops.yaml"],
    "stages.datasets.sources": ["data/sources.yaml"],
    "stages.graders.sandbox": [
        f"stages/graders/inside/{name}.py" for name in ("connection", "supervisor", "values", "worker")
    ],
    "stages.reporting.page": [
        f"stages/reporting/assets/{name}" for name in ("page.css", "core.js", "tables.js", "figures.js", "browser.js")
    ],
}


def closure(modules: list[str]) -> list[Path]:
    """The files of `modules` and of all project modules they import, however deep; sorted, relative to the root.

    The registries `stages.methods` and `stages.benchmarks` import what they list by name at run time and count for no
    run, so that a new entry concerns no other. A run's plan names its method's module, and carries what it uses of a
    benchmark.
    """
    found: set[str] = set()
    pending = list(modules)
    while pending:
        module = pending.pop()
        if module not in found and module not in WITHOUT_EFFECT:
            found.add(module)
            package = module.rpartition(".")[0]
            pending += _imports(_file(module)) + [package] * (
                package != "stages"
            )  # importing a module runs its package
    files = {_file(module).relative_to(ROOT) for module in found} | {Path(p) for m in found for p in BESIDE.get(m, [])}
    return sorted(files - REGISTRIES)


def fingerprint(modules: list[str]) -> str:
    """sha256 over the closure's code. Comments, docstrings and layout do not count, data files do."""
    digest = hashlib.sha256()
    for file in closure(modules):
        content = _code(ROOT / file) if file.suffix == ".py" else (ROOT / file).read_text(encoding="utf-8")
        digest.update(f"{file.as_posix()}\0{content}\0".encode())
    return digest.hexdigest()


def _file(module: str) -> Path:
    path = ROOT / Path(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def _imports(file: Path) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [name for name in names if name.split(".")[0] == "stages" and name != "stages" and _file(name).is_file()]


@cache
def _code(file: Path) -> str:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(body, list)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(getattr(body[0], "value", None), ast.Constant)
        ):
            if isinstance(body[0].value.value, str):
                node.body = body[1:] or [ast.Pass()]
    return ast.unparse(tree)
