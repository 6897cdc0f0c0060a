"""The documents hold: the reference of settings is the schema's, links lead somewhere, commands are there."""

import re
import subprocess

import pytest

from stages.common.files import InputError
from stages.profile.__main__ import document
from stages.profile.params import load
from stages.resolve import check_overrides
from tests.project import ROOT, copy_project, edit

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "data").rglob("README.md")),
]


def test_the_reference_of_settings_is_the_schemas():
    text = document()
    assert (ROOT / "docs/settings.md").read_text(encoding="utf-8") == text
    assert re.search(r"^\| max_response_tokens +\| [^|]+\| tokens ", text, re.MULTILINE)
    assert re.search(r"^\| claims .*\| report +\|$", text, re.MULTILINE)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(path):
    for target in LINK.findall(path.read_text(encoding="utf-8")):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, heading = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        assert file.exists(), f"{path.name}: {target}"
        if heading:
            titles = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert heading in [re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles], target


@pytest.mark.parametrize("path", [*DOCUMENTS, *sorted((ROOT / "profiles").glob("*.yaml"))], ids=lambda path: path.name)
def test_commands_check_the_settings_before_dvc_reads_them(path):
    """`make repro` does; what runs `dvc repro` itself has the check above it, in the same lines of code."""
    checked = fenced = False
    for line in path.read_text(encoding="utf-8").splitlines():
        fenced ^= line.startswith("```")
        is_code = fenced or line.startswith("    ") or path.suffix == ".yaml"
        checked = is_code and (checked or "stages.resolve --check" in line)
        in_prose = re.search(r"`(?:[^`]*&& )?dvc repro (?!--dry)[^`]+`", line)
        typed = is_code and re.search(r"(?:^|[;&]) *dvc repro", line)
        assert not (in_prose or (typed and not checked)), f"{path.name}: {line}"


def test_every_document_can_be_found():
    """From README or from a document that README names."""
    found, pending = set(), [ROOT / "README.md"]
    while pending:
        path = pending.pop()
        if path not in found and path.suffix == ".md":
            found.add(path)
            names = {
                link.partition("#")[0] for link in LINK.findall(path.read_text(encoding="utf-8")) if "://" not in link
            }
            pending += [(path.parent / name).resolve() for name in names if name and (path.parent / name).is_file()]
    assert {path.name for path in (ROOT / "docs").glob("*.md")} <= {path.name for path in found}


def test_make_help_names_every_command():
    recipe = (ROOT / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.+)$", recipe, re.MULTILINE)
    said = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {f"make {name}" for name in phony.split()} - {"make setup", "make setup-cpu", "make profile"} <= set(
        re.findall(r"^make [\w-]+", said, re.MULTILINE)
    )


@pytest.mark.parametrize("named", ["laptop", "profiles/laptop.yaml"])
def test_a_profile_is_chosen_and_changes_are_kept(tmp_path, named):
    project = copy_project(tmp_path)

    def choose(name):
        return subprocess.run(["locks/choose_profile.sh", name], cwd=project, capture_output=True, text=True)

    assert choose(named).returncode == 0 and load(project / "params.yaml").profile == "laptop"
    assert choose("smoke").returncode == 0 and load(project / "params.yaml").profile == "smoke"
    edit(project, "params.yaml", "steps: 10", "steps: 19")
    done = choose(named)
    assert done.returncode == 1 and "params.yaml has changes of your own" in done.stderr
    assert load(project / "params.yaml").train.steps == 19
    done = choose("laptpo")
    assert done.returncode == 1 and "no laptpo" in done.stderr and "laptop" in done.stderr


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("actor_rollout_ref.model.enable_gradient_checkpointing: true", None),
        ("actor_rollout_ref.model.enable_gradient_checkpoint: true", "enable_gradient_checkpoint"),
        ("actor_rollout_ref.model.enable_gradient_checkpointing.deep: true", "backend.verl"),
        ("trainer.total_training_steps: 3", "profile's own settings"),
        ("trainer.test_freq: 5", "trainer.test_freq: set train.validation; .*`checkpoints`"),
        ("trainer.val_before_train: true", "`checkpoints`"),
        ("actor_rollout_ref.rollout.val_kwargs: {n: 4}", "val_kwargs.n: .*`checkpoints`"),
        ("trainer: {test_freq: 5}", "trainer.test_freq: .*`checkpoints`"),
        ("actor_rollout_ref.actor.clip_ratio: 0.1", "method_settings"),
        ("algorithm.rollout_correction.bypass_mode: true", "backend.engine_correction"),
        ("reward.num_workers: 2", "train.reward"),
        ("critic.enable: true", "critic"),
        ("actor_rollout_ref.actor.grad_clip: 2.0", "train.optimiser.gradient_clip"),
        ("actor_rollout_ref.model.use_remove_padding: true", "backend.micro_batch_tokens"),
        ("trainer.v1.trainer_mode: sync", "the bench's own"),
        ("trainer.resume_mode: disable", "train.checkpoint_every"),
    ],
)
def test_verl_says_whether_it_takes_an_override(tmp_path, override, said):
    text = (
        (ROOT / "profiles/smoke.yaml").read_text().replace("  threads: 2\n", f"  threads: 2\n  verl: {{{override}}}\n")
    )
    (tmp_path / "params.yaml").write_text(text)
    params = load(tmp_path / "params.yaml")
    if said is None:
        check_overrides(params)
        return
    with pytest.raises(InputError, match=said) as raised:
        check_overrides(params)
    assert "\n" not in str(raised.value) and "backend.verl" in str(raised.value)
