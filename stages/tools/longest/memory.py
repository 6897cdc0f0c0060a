"""The memory that a session takes, seen from outside of it."""

import platform
import time
from pathlib import Path

import psutil

from stages.tools.gpus import look_at_gpus

SECONDS = 2.0  # between two looks


class Memory:
    """The most memory that was seen: of the fullest GPU, or of this process and all below where there is none, in bytes."""

    def __init__(self, gpus: bool):
        self.peak, self._gpus, self._last = 0, gpus, 0.0

    @property
    def device(self) -> str:
        """The GPU's name, or the processor's."""
        found = look_at_gpus()[1] if self._gpus else []
        return found[0].name if found else processor()

    def look(self) -> int:
        """To be called often; looks every `SECONDS`. Always the same answer: it is no sign of life of the session."""
        if time.monotonic() - self._last >= SECONDS:
            self._last = time.monotonic()
            self.peak = max(self.peak, self._used())
        return 0

    def _used(self) -> int:
        if self._gpus:
            return max((gpu.used for gpu in look_at_gpus()[1]), default=0)
        total = 0
        for process in psutil.Process().children(recursive=True):
            try:
                total += process.memory_full_info().pss  # what is shared is counted once
            except psutil.Error:
                continue
        return total


def processor() -> str:
    """Its name, as Linux tells it."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())
