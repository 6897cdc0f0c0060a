"""What the `dvc repro` above this process is going to run, as DVC itself says: its arguments, graph, lock and run cache."""

import os
from argparse import Namespace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from dvc.repo import Repo
    from dvc.stage import PipelineStage


def due(stage: str) -> list[str]:
    """The running `stage` ("train@smoke-grpo-1"), then the other stages of its script that are to run, in declared order.

    Those are stages that the `dvc repro` above this process was asked for, whose inputs are as they will be, and whose
    results DVC has neither in place nor in its run cache. Only `stage` when there is no `dvc repro` above, or when another
    DVC command holds the repository at this moment.
    """
    arguments = _asked_for()
    if arguments is None:
        return [stage]
    # dvc takes a second to import, which no run by hand needs
    from dvc.lock import LockError
    from dvc.repo import Repo

    repo = Repo(os.environ["DVC_ROOT"])
    try:
        with repo.lock:
            return [stage, *_further(repo, stage, arguments)]
    except LockError:
        return [stage]


def _further(repo: "Repo", stage: str, arguments: Namespace) -> list[str]:
    import networkx
    from dvc.repo.reproduce import collect_stages, get_active_graph, plan_repro

    targets = collect_stages(
        repo, arguments.targets or ["dvc.yaml"], recursive=arguments.recursive, glob=arguments.glob
    )
    graph, steps = get_active_graph(repo.index.graph), targets
    if not arguments.single_item:
        chosen = [] if arguments.all_pipelines else targets
        steps = plan_repro(graph, chosen, pipeline=arguments.pipeline, downstream=arguments.downstream)

    asked = {step.addressing for step in steps}
    declared = [step for step in repo.index.stages if step.addressing in asked]

    @cache
    def is_ready(step: "PipelineStage") -> bool:
        above = networkx.descendants(graph, step)  # DVC's edges lead from a stage to what it depends on
        return not any(other in above and is_changed(other) for other in declared)

    @cache
    def is_changed(step: "PipelineStage") -> bool:
        if not is_ready(step):
            return True
        return step.changed(allow_missing=arguments.allow_missing) and not _is_cached(repo, step, arguments)

    script = next(_script(step) for step in declared if step.addressing == stage)
    others = [step for step in declared if _script(step) == script and step.addressing != stage]
    return [step.addressing for step in others if is_ready(step) and (arguments.force or is_changed(step))]


def _asked_for() -> Namespace | None:
    """The arguments of the `dvc repro` (or `dvc exp run`) that started this process."""
    for process in psutil.Process().parents():
        try:
            command, folder = process.cmdline(), process.cwd()
        except psutil.Error:
            continue
        program = next((i for i, part in enumerate(command[:3]) if Path(part).name == "dvc"), None)
        if program is None:
            continue
        from dvc.cli import parse_args
        from dvc.commands.repro import CmdRepro

        arguments = parse_args(command[program + 1 :])
        # targets are relative to the folder that it was started in, or that it has gone to (--cd)
        here = Path(folder).resolve() == Path(os.environ["DVC_ROOT"]).resolve()
        return arguments if here and issubclass(arguments.func, CmdRepro) else None
    return None


def _script(stage: "PipelineStage") -> list[str]:
    """`locks/python cpu -m stages.train` of a stage's command."""
    command = str(stage.cmd).split()
    return command[: command.index("-m") + 2]


def _is_cached(repo: "Repo", stage: "PipelineStage", arguments: Namespace) -> bool:
    """Whether DVC will find the stage's results in its cache; changes `stage`."""
    from dvc.stage.cache import RunCacheNotFoundError
    from dvc_data.hashfile.hash_info import HashInfo

    try:
        repo.stage_cache.restore(stage, run_cache=False, dry=True)  # what the lock says is in the cache
    except RunCacheNotFoundError:
        if getattr(arguments, "no_run_cache", False):
            return False
    else:
        return True
    # A dry search takes the inputs as the lock has them. DVC's own takes them as they are, without the lock's results.
    stage.save_deps()
    for out in stage.outs:
        out.hash_info = HashInfo()
    try:
        repo.stage_cache.restore(stage, dry=True)
    except RunCacheNotFoundError:
        return False
    return True
