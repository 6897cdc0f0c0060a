"""A copy of the project in a folder of its own, as a user would have it, sharing only the built environments."""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import yaml

from stages.common.supervise import MARK, PR_SET_CHILD_SUBREAPER
from stages.common.yaml_reader import safe_load

ROOT = Path(__file__).resolve().parent.parent
EVALUATION_PYTHON = ROOT / ".venv/eval/bin/python"
# Of `backend`, in tests that train: of two at a time each has a core, where a second thread is mostly waited for.
ONE_CORE = {"threads": 1}


def copy_project(folder: Path) -> Path:
    """The project's files (tracked or not, but not ignored) under `folder`, as a fresh git repository.

    From then on what the processes of this one leave behind becomes its children.
    """
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
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


def run(project: Path, *command: str, timeout: float = 900, **given: str) -> subprocess.CompletedProcess:
    """Runs a command of the project's training environment in it: `run(project, "dvc", "repro")`; `given` to its environment."""
    return subprocess.run(
        [project / ".venv/train/bin" / command[0], *command[1:]],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=timeout,
        env=clean_environment() | given,
    )


def clean_environment() -> dict[str, str]:
    """As a user has it: programs find no mirror that they were not told of, and keep what they have compiled."""
    ours = ("MIRROR", MARK, "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if name not in ours}


def descendants_left(project: Path) -> list[str]:
    """Command lines of processes of this project that still run, of those that this one started since `copy_project`.

    A process is the project's if it works in its folder, writes or reads there, names it, or carries the mark of what is
    supervised; so are all processes below one. None of these is lost to a title over the environment, nor to a session of
    its own: what has lost its parent is a child of this process.
    """
    found = set()
    for process in psutil.Process().children(recursive=True):
        with suppress(OSError, psutil.Error):
            if _belongs(process, str(project)):
                found |= {process, *process.children(recursive=True)}
    left = []
    for process in found:
        with suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE:
                left.append(f"{process.pid} {process.name()}: {' '.join(process.cmdline())[:120]}")
    return left


def _belongs(process: psutil.Process, folder: str) -> bool:
    proc = Path(f"/proc/{process.pid}")
    places = [os.readlink(proc / "cwd"), *(os.readlink(link) for link in (proc / "fd").iterdir())]
    within = any(place == folder or place.startswith(f"{folder}/") for place in places)
    return within or folder.encode() in (proc / "environ").read_bytes() + (proc / "cmdline").read_bytes()
