"""The folder of a rehearsal: a copy of this project with settings of its own, in which DVC runs the stages as they are."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from stages.artifacts.manifest import read_manifest, to_json
from stages.common.files import InputError, read_jsonl, sha256, write_json, write_jsonl, write_text
from stages.text.prompts import prompt_of

REWARD = Path("stages/backend/reward.py")
FORCED = """

from stages.tools.rehearsal.forced_reward import forced  # noqa: E402

score_response = forced(score_response)
"""
KEPT = 2  # problems of a benchmark


def copy_project(folder: Path, further: list[str]) -> None:
    """This project's files, as git lists them, and those of one's own in `further`; a repository of git and DVC of its own."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], capture_output=True)
    if listed.returncode:
        raise InputError("git does not list this project's files; run in a clone of the repository")
    for name in [*filter(None, listed.stdout.decode().split("\0")), *further]:
        if Path(name).is_file() and name != "dvc.lock":
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(name, folder / name)
    (folder / ".venv").symlink_to(Path(".venv").resolve())
    (folder / ".dvc/site").chmod(0o700)  # in it DVC makes a folder that everybody may write to
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)


def set_up(folder: Path, settings: dict[str, Any]) -> None:
    """Settings, and the forced reward, which is all that differs in the copy's code."""
    write_text(folder / "params.yaml", yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))
    code = (folder / REWARD).read_text(encoding="utf-8")
    write_text(folder / REWARD, code + FORCED)


def keep_problems(data: Path, prompts: dict[str, str], count: Callable[[str], int]) -> dict[str, tuple[int, int]]:
    """Of each benchmark in `data`/eval only the problem with the longest prompt and the first other; name -> before, after.

    `prompts` are the templates by benchmark, `count` the tokens of a user's message.
    """
    manifest, found = read_manifest(data / "manifest.json"), {}
    for name, template in prompts.items():
        path = data / "eval" / f"{name}.jsonl"
        rows = list(read_jsonl(path))
        lengths = [count(prompt_of(template, row["problem"])) for row in rows]
        order = sorted(range(len(rows)), key=lambda i: (-lengths[i], i))
        kept = sorted({order[0], *sorted(order[1:])[: KEPT - 1]})
        write_jsonl(path, [rows[i] for i in kept])
        update = {"rows_out": len(kept), "sha256": sha256(path)}
        manifest[f"eval/{name}.jsonl"] = manifest[f"eval/{name}.jsonl"].model_copy(update=update)
        found[name] = (len(rows), len(kept))
    write_json(data / "manifest.json", to_json(manifest))
    return found
