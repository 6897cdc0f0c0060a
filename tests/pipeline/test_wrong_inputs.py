"""A table of wrong inputs: each is one line that names field and fix, in seconds, before any process starts."""

import os
import time

import pytest

from stages import methods, resolve
from stages.common.command import run_stage
from stages.common.files import InputError
from stages.methods.__main__ import catalogue
from stages.profile.params import load
from tests.pipeline.wrong_params import GPUS, SMOKE, WHOLE_FILE
from tests.project import ROOT, copy_project, run

SECONDS = 5  # of this process, however busy the machine is


def written(old, new, profile):
    text = (ROOT / f"profiles/{profile}.yaml").read_text(encoding="utf-8")
    assert old in text
    return (text.replace(old, new, 1) if old else text + new).encode()


PARAMS = [
    *(pytest.param("smoke", content, said, id=name) for name, content, said in WHOLE_FILE),
    *(pytest.param("smoke", written(old, new, "smoke"), said, id=name) for name, old, new, said in SMOKE),
    *(
        pytest.param("qwen2.5-math-7b-dapo", written(old, new, "qwen2.5-math-7b-dapo"), said, id=f"GPUs: {name}")
        for name, old, new, said in GPUS
    ),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The project as stage resolve sees it, where nothing has run."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("data", "locks", "stages", "profiles"):
        (folder / name).symlink_to(ROOT / name)
    return folder


@pytest.fixture
def started(monkeypatch):
    """The commands that this process tries to start, none of which may start."""
    found = []

    def refuse(*command, **how):
        found.append(command)
        raise AssertionError(f"a process was to be started: {command}")

    monkeypatch.setattr("subprocess.Popen.__init__", refuse)
    monkeypatch.setattr(os, "fork", refuse)
    return found


def test_the_table_is_as_long_as_it_should_be():
    assert len(PARAMS) >= 150 and len({case.id for case in PARAMS}) == len(PARAMS)


@pytest.mark.parametrize(("profile", "content", "said"), PARAMS)
def test_wrong_params(folder, profile, content, said, monkeypatch, capsys, started):
    (folder / "params.yaml").write_bytes(content)
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.argv", ["stages.resolve", profile])
    begun = time.process_time()
    with pytest.raises(SystemExit) as ended:
        run_stage(resolve.main)
    assert time.process_time() - begun < SECONDS and not started
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert ended.value.code == 1 and line.startswith("error: ")
    assert all(part in line for part in said), line
    assert not (folder / "results").exists()


@pytest.mark.parametrize("encoded", ["crlf", "utf-8-sig", "crlf with a mark"])
def test_what_an_editor_of_another_system_writes_is_read(tmp_path, encoded):
    text = (ROOT / "profiles/smoke.yaml").read_text(encoding="utf-8")
    ends = text.replace("\n", "\r\n") if "crlf" in encoded else text
    path = tmp_path / "params.yaml"
    path.write_bytes(ends.encode("utf-8" if encoded == "crlf" else "utf-8-sig"))
    assert load(path) == load(ROOT / "profiles/smoke.yaml")


# -- a method's file ----------------------------------------------------------------------------------------------

OWN = '''"""Half-sure: an example, not a published method.

Reduces to GRPO at: never.
"""

from torch import Tensor

from stages import rl


class HalfSure(rl.Method):
    class Settings(rl.Settings):
        threshold: float = 0.9

    settings: Settings

    def token_weight(self, update: rl.Update) -> Tensor:
        return (update.log_prob.detach().exp() > self.settings.threshold) * 1.0
'''
FILES = {
    "a hook that is misspelt": ("def token_weight", "def token_weigth", ["token_weigth is no hook", "token_weight is meant"]),
    "a helper that nothing calls": ("def token_weight", "def my_factor", ["my_factor is no hook", "nothing uses it"]),
    "an attribute that is misspelt": ("    settings: Settings\n", "    settings: Settings\n    uses_logit = True\n", ["uses_logit", "uses_logits"]),
    "a setting that nothing reads": ("threshold: float = 0.9", "threshold: float = 0.9\n        thresold: float = 0.8", ["setting thresold"]),
    "a setting of which only its source is told": ("threshold: float = 0.9", "threshold: float = 0.9\n        slope: float = 1.0\n    sources = rl.Sources(not_published=(\"slope\",))", ["setting slope"]),
    "a setting that is misspelt where it is read": ("self.settings.threshold", "self.settings.treshold", ["self.settings.treshold is no setting", "threshold is meant"]),
    "a class of another name": ("class HalfSure", "class HalfSur", ["no class HalfSure", "METHODS"]),
    "a syntax error": ("def token_weight(", "def token_weight((", ["half_sure_example.py line", "correct it"]),
    "an import that there is not": ("from torch import Tensor", "from torhc import Tensor", ["torhc"]),
}  # fmt: skip


@pytest.fixture
def own_method(monkeypatch, tmp_path):
    """Puts a text in the place of stages/methods/half_sure_example.py, with its line in the registry."""

    def put(text, registered=True):
        (tmp_path / "half_sure_example.py").write_text(text)
        monkeypatch.setattr("stages.methods.__path__", [*methods.__path__, str(tmp_path)])
        monkeypatch.delitem(__import__("sys").modules, "stages.methods.half_sure_example", raising=False)
        if registered:
            monkeypatch.setitem(methods.METHODS, "half_sure_example", "HalfSure")

    return put


@pytest.mark.parametrize("case", FILES)
def test_wrong_method_file(own_method, case):
    old, new, said = FILES[case]
    assert old in OWN
    own_method(OWN.replace(old, new, 1))
    with pytest.raises(InputError) as raised:
        methods.build("half_sure_example", {})
    assert all(part in str(raised.value) for part in said) and "\n" not in str(raised.value), raised.value


def test_a_right_method_file_is_taken(own_method):
    own_method(OWN)
    assert methods.build("half_sure_example", {"threshold": 0.5}).settings.threshold == 0.5


def test_a_forgotten_registry_line_names_the_registry(own_method, monkeypatch, tmp_path):
    own_method(OWN, registered=False)
    monkeypatch.setattr(methods, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(
        InputError, match=r'registry; .*stages/methods/__init__.py: "half_sure_example": "HalfSureExample"'
    ):
        methods.build("half_sure_example", {})


def test_a_broken_docstring_leaves_the_catalogue_of_the_others(own_method):
    own_method(OWN.replace("Reduces to GRPO at: never.", ""))
    entries, (wrong,) = catalogue()
    assert len(entries) == len(methods.METHODS) - 1 and "half_sure_example" in wrong and "Reduces to GRPO at" in wrong


# -- command lines ------------------------------------------------------------------------------------------------

COMMANDS = [
    (["resolve"], ["usage", "stages.resolve"]), (["resolve", "smoke", "twice"], ["usage"]),
    (["model"], ["usage", "stages.model"]), (["model", "smoke", "a", "b"], ["usage"]),
    (["prepare"], ["usage", "stages.prepare"]), (["prepare", "--mirro", "x"], ["usage"]),
    (["subset"], ["usage", "stages.subset"]), (["subset", "smoke", "more"], ["usage"]),
    (["train", "smoke"], ["usage", "stages.train"]), (["train", "smoke", "grpo"], ["usage"]),
    (["train", "smoke", "grpo", "9"], ["grpo-9.json is missing", "dvc repro"]),
    (["train", "smok", "grpo", "1"], ["results/smok/plan", "missing"]),
    (["sample", "smoke"], ["usage", "stages.sample"]), (["sample", "nowhere", "base"], ["results/nowhere", "missing"]),
    (["sample_checkpoints", "smoke"], ["usage"]), (["choose", "smoke"], ["usage"]),
    (["grade", "smoke"], ["usage"]), (["grade", "nowhere", "base"], ["results/nowhere", "missing"]),
    (["report"], ["usage"]), (["report", "nowhere"], ["results/nowhere", "missing"]),
    (["report", "--compare", "smoke"], ["usage"]),
    (["methods", "grppo"], ["usage"]), (["methods", "a", "b"], ["usage"]),
    (["diagnose"], ["usage", "stages.diagnose <profile> <probe>"]), (["diagnose", "smoke"], ["usage"]),
    (["diagnose", "smoke", "base.grpo", "more"], ["usage"]),
    (["watch"], ["usage", "stages.watch", "profile"]), (["watch", "smoke", "--evry", "3"], ["usage", "--evry"]),
    (["watch", "nowhere"], ["results/nowhere", "resolve"]),
    (["__main__", "smoke"], ["usage", "stages"]), (["benchmarks.__main__", "x", "y"], ["usage", "stages.benchmarks"]),
    (["graders.__main__"], ["usage", "math_verify"]), (["graders.__main__", "math_verfy"], ["usage", "math_verify"]),
    (["profile.__main__", "--wrte"], ["usage", "--write"]), (["methods.__main__", "--wrte"], ["usage", "--write"]),
    (["published.__main__", "--pper", "x"], ["usage", "--paper", "--pper"]),
    (["published.__main__", "--paper"], ["usage", "at least one argument"]),
    (["tools.estimate", "nothing"], ["profiles/nothing.yaml", "missing", "smoke"]),
    (["tools.estimate", "--peak", "many"], ["usage", "--peak", "many"]),
    (["tools.preflight", "a", "b"], ["missing", "smoke"]), (["tools.preflight", "smoke", "lab"], ["usage", "lab"]),
    (["tools.preflight", "--method", "grpo"], ["--method", "--step"]),
    (["tools.rehearse", "smoke", "lab"], ["usage"]), (["tools.rehearse", "profiles/nothing.yaml"], ["profiles/nothing.yaml"]),
    (["tools.sweep", "--wrte"], ["usage", "--write"]), (["tools.sweep", "grppo"], ["grppo", "grpo"]),
    (["tools.ledger", "--colect"], ["usage", "--collect"]), (["tools.rerun", "grpo-1", "grpo-2"], ["usage"]),
    (["tools.rerun", "--all"], ["usage"]),
    *((["perf", name, *wrong], said) for name, wrong, said in [
        ("disagreement", ["--wrte"], ["usage", "--write"]), ("faults", ["--kills", "-1"], ["usage", "--kills", "-1"]),
        ("busy_cores", ["more"], ["usage", "perf.busy_cores"]), ("gpu", ["--device", "tpu"], ["usage", "--device"]), ("grading", ["more"], ["usage", "perf.grading"]),
        ("harnesses", [], ["usage", "--python"]), ("hostile", ["--wrte"], ["usage", "--write", "--wrte"]),
        ("hostile", ["no_such_attack"], ["usage", "no_such_attack"]), ("lost_node", ["more"], ["usage", "perf.lost_node"]),
        ("memory", ["--tokens", "0"], ["usage", "--tokens", "at least 1"]), ("methods", ["grppo"], ["grppo", "grpo"]),
        ("processes", [], ["usage", "perf.processes"]), ("report", ["--kep", "x"], ["usage", "--keep"]), ("training_step", ["--steps", "few"], ["usage", "few"]),
        ("verdicts", ["--simulations", "1.5"], ["usage", "1.5"]),
    ]),
]  # fmt: skip
# What other programs start, and nobody types.
INSIDE = {
    "perf.official_harness", "stages.backend.cluster", "stages.backend.forked", "stages.backend.main",
    "stages.common.watcher", "stages.graders.inside.supervisor", "stages.graders.inside.worker", "stages.sampling.requests",
}  # fmt: skip


def module_of(command):
    """The module of a row, and the arguments that it is given."""
    if command[0] == "perf":
        return f"perf.{command[1]}", command[2:]
    return f"stages.{'methods.__main__' if command[0] == 'methods' else command[0]}", command[1:]


def test_the_table_has_every_command_line():
    own = [path.relative_to(ROOT) for folder in ("stages", "perf") for path in (ROOT / folder).rglob("*.py")]
    typed = {path for path in own if '\nif __name__ == "__main__":' in (ROOT / path).read_text(encoding="utf-8")}
    modules = {".".join(path.with_suffix("").parts) for path in typed}
    assert {module_of(command)[0] for command, _ in COMMANDS} == modules - INSIDE


@pytest.mark.parametrize(("command", "said"), COMMANDS, ids=[" ".join(command) for command, _ in COMMANDS])
def test_wrong_command_line(folder, command, said, monkeypatch, capsys, started):
    from importlib import import_module

    (folder / "params.yaml").write_bytes((ROOT / "profiles/smoke.yaml").read_bytes())
    name, arguments = module_of(command)
    module = import_module(name)
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.argv", [name, *arguments])
    begun = time.process_time()
    with pytest.raises(SystemExit) as ended:
        run_stage(module.main)
    assert time.process_time() - begun < SECONDS and not started
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert ended.value.code == 1 and all(part in line for part in said), line


# -- folders, locks and the commands that a reader types ----------------------------------------------------------


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return copy_project(tmp_path_factory.mktemp("project"))


def test_a_mirror_that_is_no_folder(folder, monkeypatch, capsys, started):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MIRROR", "no/such/folder")
    monkeypatch.setattr("sys.argv", ["stages.prepare", "smoke"])
    with pytest.raises(SystemExit):
        run_stage(__import__("stages.prepare", fromlist=["main"]).main)
    assert "MIRROR: no/such/folder is no folder" in capsys.readouterr().err


def test_a_lock_that_is_missing(project):
    lock = project / "locks/eval.lock"
    content = lock.read_bytes()
    lock.unlink()
    try:
        done = run(project, "python", "-m", "stages.resolve", "--check")
    finally:
        lock.write_bytes(content)
    (line,) = done.stderr.strip().splitlines()
    assert done.returncode == 1 and "locks/eval.lock is missing" in line and "git checkout" in line
