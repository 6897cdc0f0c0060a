"""Waiting for what other processes do: long, since a busy machine is no failure."""

import time
from collections.abc import Callable


def wait_for(condition: Callable[[], object], seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
