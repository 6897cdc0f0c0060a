"""Programs in processes of their own, without the seconds that each would import the same libraries for."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.project import clean_environment

# Imports the libraries, nothing of the project, and then forks for each program that it is told.
PARENT = """
import json, os, sys, traceback
import pandas, pydantic, pyarrow.parquet, scipy.stats, torch, transformers, yaml

for line in sys.stdin:
    program, arguments, output = json.loads(line)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(file, 1), os.dup2(file, 2)
            sys.argv = ["-c", *arguments]
            exec(program, {"__name__": "__main__"})
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Forks:
    def __init__(self, parent: subprocess.Popen, output: Path):
        self.parent, self.output = parent, output

    def run(self, program: str, *arguments: str) -> tuple[int, str]:
        """(exit status, what it wrote) of `python -c program *arguments` in the folder of the forks."""
        self.parent.stdin.write(json.dumps([program, arguments, str(self.output)]) + "\n")
        self.parent.stdin.flush()
        return int(self.parent.stdout.readline()), self.output.read_text()


@contextmanager
def forks(folder: Path, output: Path) -> Iterator[Forks]:
    """Programs run in `folder`, from where they import; what they write stands in the file `output` for a while."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=clean_environment(),
    )
    with parent:  # which closes its stdin, so that it ends
        yield Forks(parent, output)


PLANS = """
import json
from pathlib import Path
from stages.profile.params import load
from stages.profile.resolution import plans
print(json.dumps({name: plan.model_dump(mode="json") for name, plan in plans(load(Path("params.yaml"))).items()}))
"""


def plans_of(processes: Forks) -> dict:
    """The plans that the code in their folder writes for the params.yaml there."""
    status, text = processes.run(PLANS)
    assert status == 0, text
    return json.loads(text)


def changed(before: dict, after: dict) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
