"""Stage resolve: checks `params.yaml` whole and writes one small plan for each stage and run of the profile.

    python -m stages.resolve <profile>
    python -m stages.resolve --check     checks and writes nothing: for what DVC would say in words of its own, or late

Every other stage depends on its own plan instead of on `params.yaml` and the source tree. A plan holds the stage's
settings and a fingerprint of the code that the stage imports (without comments and docstrings), so a stage runs again
exactly when something that it uses has changed: a new method or a changed setting leaves all other runs as they are.
"""

from pathlib import Path

from stages.artifacts.probes import DECLARED
from stages.backend.loggers import assert_loggers
from stages.common.command import expect, run_stage
from stages.common.files import InputError, output_folder, read_json, write_json, write_text
from stages.profile.effective_protocol import effective_protocol
from stages.profile.fingerprint import fingerprint
from stages.profile.machine import check_machine
from stages.profile.own_sets import pinned
from stages.profile.params import Params, load
from stages.profile.plans.base import MADE_FROM, PARAMS, read_params_sha256
from stages.profile.plans.operation import FILE, Operation
from stages.profile.probes import declared_probes
from stages.profile.resolution import plans, report_plan, training_plan
from stages.profile.verl_overrides import check_names


def main(arguments: list[str]) -> None:
    if arguments != ["--check"]:
        expect(arguments, "stages.resolve <profile>")
    made_from = read_params_sha256()
    params = load(PARAMS)
    if arguments not in ([params.profile], ["--check"]):
        raise InputError(
            f"profile: params.yaml holds {params.profile!r}, not {' '.join(arguments)!r}; "
            "cp profiles/<name>.yaml params.yaml"
        )
    if params.claims:
        from stages.profile.claims_setting import check_claims

        check_claims(params)
    assert_loggers(params.backend.loggers, params.backend.platform)
    code = unread if arguments == ["--check"] else fingerprint
    written, operation = plans(params, code), Operation.of(params.profile, params.backend)
    if params.published:
        # pandas takes seconds that no other profile needs
        from stages.profile.published_setting import check_setting
        from stages.published.table import load_published
        from stages.reporting.tables.comparison import stands_for

        check_setting(load_published(), params.published)
        stands_for(report_plan(params, code))
    if params.backend.verl:
        check_overrides(params)
    if arguments == ["--check"]:
        check_machine(params)
        check_own_files(params)
        protocol = effective_protocol(params.evaluation, params.data.prompt, len(params.seeds))
        evaluated = ", ".join(f"{name} ×{k}" for name, k in protocol.samples.items())
        trainings = len(params.methods) * len(params.seeds)
        print(f"profile {params.profile}: {trainings} trainings; samples a problem of its benchmarks: {evaluated}")
        return

    def check(folder: Path) -> None:
        for name, plan in written.items():
            if (folder / f"{name}.json").read_text(encoding="utf-8") != plan.text():
                raise InputError(f"{folder / name}.json is not the plan that was written; run again")
        if read_params_sha256() != made_from:
            raise InputError(f"{PARAMS} has changed while the plan was made; run again")

    with output_folder(Path("results") / params.profile / "plan", check) as folder:
        for name, plan in written.items():
            write_text(folder / f"{name}.json", plan.text())
        write_text(folder / FILE, operation.text())
        write_json(folder / MADE_FROM, {"profile": params.profile, "sha256": made_from})
    write_json(Path("results") / params.profile / "probes" / DECLARED, list(declared_probes(params)))
    write_json(Path("results") / params.profile / "train" / DECLARED, report_plan(params).runs)


def unread(modules: list[str]) -> str:
    """In place of a fingerprint, where plans are made to be checked and not to be kept: reading the code takes seconds."""
    return ""


def check_own_files(params: Params) -> None:
    """InputError where a file of the user's own has changed since the plans were made: DVC does not look at it."""
    plan = Path("results") / params.profile / "plan" / "prepare.json"
    known = read_json(plan).get("own", {}) if plan.is_file() else {}
    for name, one in pinned(params.data).items():
        if name in known and known[name]["sha256"] != one.sha256:
            raise InputError(
                f"data.own.{name}.file: {one.file} has changed since the plans were made; if it is meant, type "
                f"dvc repro -f -s resolve@{params.profile}, and this again"
            )


def check_overrides(params: Params) -> None:
    """InputError where the bench or verl does not take what `backend.verl` sets."""
    check_names(params.backend.verl)
    # what verl's configuration is made of takes a second that no other profile needs
    from omegaconf.errors import OmegaConfBaseException

    from stages.backend.config import session_settings
    from stages.backend.known_settings import check_known

    if not params.methods:
        raise InputError("backend.verl: this profile trains nothing, so that verl reads none of it; remove it")
    plan = training_plan(params, params.methods[0], params.seeds[0], unread)
    settings = session_settings([(plan, Path("work"))], Path("data.parquet"), Path("model"))
    try:
        check_known(settings)
    except OmegaConfBaseException as error:
        raise InputError(f"backend.verl: verl does not take it: {' '.join(str(error).split())}; correct or remove it")


if __name__ == "__main__":
    run_stage(main)
