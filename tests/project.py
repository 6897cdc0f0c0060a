"""A copy of the project in a folder of its own, as a user would have it, sharing only the built environments."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import yaml

from stages.common.supervise import MARK
from stages.common.yaml_reader import safe_load

ROOT = Path(__file__).resolve().parent.parent
EVALUATION_PYTHON = ROOT / ".venv/eval/bin/python"


def copy_project(folder: Path) -> Path:
    """The project's files (tracked or not, but not ignored) under `folder`, as a fresh git repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        source = ROOT / name
        if source.is_file() and name != "dvc.lock":
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    return folder


def set_params(project: Path, **changes) -> dict:
    """Changes `params.yaml`; `a__b=1` sets key b of section a. Returns the whole content."""
    path = project / "params.yaml"
    params = safe_load(path.read_text())
    for name, value in changes.items():
        *sections, key = name.split("__")
        section = params
        for part in sections:
            section = section[part]
        section[key] = value
    path.write_text(yaml.safe_dump(params, sort_keys=False))
    return params


def edit(project: Path, file: str, old: str, new: str) -> None:
    """Puts `new` in the first place where `old` stands in the file, which has it."""
    text = (project / file).read_text()
    assert old in text
    (project / file).write_text(text.replace(old, new, 1))


@contextmanager
def edited(project: Path, *edits: tuple[str, str, str]) -> Iterator[None]:
    """Each `edit` (file, old, new) made, and taken back afterwards."""
    files = {project / file for file, _, _ in edits}
    originals = {path: (path.read_bytes(), path.stat()) for path in files}
    try:
        for file, old, new in edits:
            edit(project, file, old, new)
        yield
    finally:
        for path, (content, stat) in originals.items():
            path.write_bytes(content)
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # by its time Python knows what it has compiled


def run(project: Path, *command: str, timeout: float = 900) -> subprocess.CompletedProcess:
    """Runs a command of the project's training environment in it: `run(project, "dvc", "repro")`."""
    return subprocess.run(
        [project / ".venv/train/bin" / command[0], *command[1:]],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=timeout,
        env=clean_environment(),
    )


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in ("MIRROR", MARK)}


def descendants_left(project: Path) -> list[str]:
    """Command lines of supervised processes of this project that still run."""
    left = []
    for process in psutil.process_iter():
        try:
            if str(project) in process.environ().get(MARK, "") and process.status() != psutil.STATUS_ZOMBIE:
                left.append(" ".join(process.cmdline())[:120])
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return left
