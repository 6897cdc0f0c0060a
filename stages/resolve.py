"""Stage resolve: checks `params.yaml` whole and writes one small plan for each stage and run of the profile.

    python -m stages.resolve <profile>

Every other stage depends on its own plan instead of on `params.yaml` and the source tree. A plan holds the stage's
settings and a fingerprint of the code that the stage imports (without comments and docstrings), so a stage runs again
exactly when something that it uses has changed: a new method or a changed setting leaves all other runs as they are.
"""

from pathlib import Path

from stages.common.command import run_stage
from stages.common.files import InputError, output_folder, write_text
from stages.profile.params import load
from stages.profile.resolution import plans, report_plan


def main(arguments: list[str]) -> None:
    params = load(Path("params.yaml"))
    if arguments != [params.profile]:
        raise InputError(
            f"profile: params.yaml holds {params.profile!r}, not {' '.join(arguments)!r}; "
            "cp profiles/<name>.yaml params.yaml"
        )
    written = plans(params)
    if params.published:
        # pandas takes seconds that no other profile needs
        from stages.profile.published_setting import check_setting
        from stages.published.table import load_published
        from stages.reporting.tables.comparison import stands_for

        check_setting(load_published(), params.published)
        stands_for(report_plan(params))
    with output_folder(Path("results") / params.profile / "plan") as folder:
        for name, plan in written.items():
            write_text(folder / f"{name}.json", plan.text())


if __name__ == "__main__":
    run_stage(main)
