"""Programs in processes of their own, without the seconds that each would import the same libraries for."""

import atexit
import functools
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.project import EVALUATION_PYTHON, ROOT, clean_environment

OF_TRAINING = ("pandas", "pydantic", "pyarrow.parquet", "scipy.stats", "torch", "transformers", "yaml")
OF_EVALUATION = ("evalscope", "openai", "pandas", "pebble", "pyarrow.parquet", "pydantic", "scipy.special", "yaml")

# Imports the libraries, nothing of the project, and then forks for each program that it is told.
PARENT = """
import gc, importlib, json, os, runpy, sys, traceback
for name in sys.argv[1:]:
    importlib.import_module(name)
gc.freeze()  # else each program would look through, and so copy, all that the libraries hold

def run(program, module, arguments, folder, environment, streams):
    for number, name in enumerate(streams):
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC if number else os.O_RDONLY)
        os.dup2(file, number)
    if streams[1] == streams[2]:
        os.dup2(1, 2)
    sys.stdin = open(0, encoding="utf-8", closefd=False)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:0] = ["", *filter(None, environment.get("PYTHONPATH", "").split(":"))]
    sys.argv = ["-c", *arguments]
    if module:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    else:
        exec(program, {"__name__": "__main__"})

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            run(**json.loads(line))
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
            if isinstance(end.code, str):
                print(end.code, file=sys.stderr)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Forks:
    """`folder` is where programs run, unless told otherwise; their input and output stand in `scratch` for a while."""

    def __init__(self, parent: subprocess.Popen, folder: Path, scratch: Path):
        self.parent, self.folder, self.scratch = parent, folder, scratch

    def run(self, program: str, *arguments: str) -> tuple[int, str]:
        """(exit status, what it wrote) of `python -c program *arguments` in the folder of the forks."""
        output = self.scratch / "output"
        status = self._start(program, "", arguments, self.folder, clean_environment(), "/dev/null", output, output)
        return status, output.read_text()

    def module(
        self, name: str, *arguments: object, folder: Path | None = None, environment: dict[str, str] | None = None,
        given: str = "",
    ) -> subprocess.CompletedProcess:  # fmt: skip
        """`python -m name *arguments`, with `given` on its standard input."""
        streams = [self.scratch / stream for stream in ("input", "output", "error")]
        streams[0].write_text(given)
        variables = clean_environment() if environment is None else environment
        status = self._start("", name, arguments, folder or self.folder, variables, *streams)
        return subprocess.CompletedProcess([name, *arguments], status, *(path.read_text() for path in streams[1:]))

    def _start(self, program, module, arguments, folder, environment, *streams) -> int:
        task = {"program": program, "module": module, "arguments": list(map(str, arguments)), "folder": str(folder)}
        task |= {"environment": environment, "streams": list(map(str, streams))}
        self.parent.stdin.write(json.dumps(task) + "\n")
        self.parent.stdin.flush()
        return int(self.parent.stdout.readline())


@contextmanager
def forks(
    folder: Path, python: Path | str = sys.executable, libraries: tuple[str, ...] = OF_TRAINING
) -> Iterator[Forks]:
    """Programs run in `folder`, from where they import."""
    parent = subprocess.Popen(
        [python, "-c", PARENT, *libraries],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=clean_environment(),
    )
    with tempfile.TemporaryDirectory() as scratch, parent:  # which closes its stdin, so that it ends
        yield Forks(parent, folder, Path(scratch))


@functools.cache
def evaluation() -> Forks:
    """Programs of the evaluation environment, in the project's folder, as long as this process lasts."""
    opened = ExitStack()
    atexit.register(opened.close)
    return opened.enter_context(forks(ROOT, EVALUATION_PYTHON, OF_EVALUATION))


PLANS = """
import json, sys
from pathlib import Path
from stages.profile.params import load
from stages.profile.resolution import plans
print(json.dumps([{name: plan.model_dump(mode="json") for name, plan in plans(load(Path(params))).items()} for params in sys.argv[1:]]))
"""


def plans_of(processes: Forks) -> dict:
    """The plans that the code in their folder writes for the params.yaml there."""
    (written,) = plans_of_each(processes, "params.yaml")
    return written


def plans_of_each(processes: Forks, *params: Path | str) -> list[dict]:
    """The plans that the code in their folder, as it is, writes for each of the files."""
    status, text = processes.run(PLANS, *map(str, params))
    assert status == 0, text
    return json.loads(text)


def changed(before: dict, after: dict) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
