"""The one progress bar that a stage shows while its processes run."""

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class Bar:
    """`with Bar("train grpo-1", 16) as bar: bar.show(3, "reward 0.61")`; plain lines where there is no terminal."""

    def __init__(self, title: str, total: int):
        self.console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}"),
        )
        self.progress = Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=self.console)
        self.task: TaskID = self.progress.add_task(title, total=total, state="starting")
        self.title, self.total, self.shown = title, total, -1

    def __enter__(self) -> "Bar":
        if self.console.is_terminal:
            self.progress.start()
        else:
            self.console.print(f"{self.title}: starting", highlight=False)
        return self

    def __exit__(self, *error) -> None:
        if self.console.is_terminal:
            self.progress.stop()

    def show(self, done: int, state: str) -> None:
        self.progress.update(self.task, completed=done, state=state)
        quarter = 4 * done // self.total if self.total else 4
        if not self.console.is_terminal and quarter > self.shown:
            self.console.print(f"{self.title}: {done}/{self.total} {state}", highlight=False)
            self.shown = quarter
