"""What can be reached of a program while it runs."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

SECONDS = 1.0  # from one look to the next; what listens does so for longer


@contextmanager
def listening(found: set[str]) -> Iterator[None]:
    """Adds to `found` the addresses that processes below this one listen on during the block."""
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(SECONDS):
            for process in psutil.Process().children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    found.update(c.laddr.ip for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
