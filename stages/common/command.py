"""What every stage script shares: it ends in one line when the user can mend the cause, and in order when it is ended."""

import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

from stages.common.files import InputError, is_full

ENDING = (signal.SIGTERM, signal.SIGHUP)  # of `kill`, and of a terminal that is closed


def run_stage(main: Callable[[list[str]], None]) -> None:
    """Runs `main` on the command line's arguments. An InputError or a full disk becomes one line on stderr and status 1.

    Ctrl-C, SIGTERM and SIGHUP end it in order with status 130; `nohup` keeps its meaning.
    """
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    try:
        main(sys.argv[1:])
    except InputError as error:
        _end(f"error: {error}", 1)
    except KeyboardInterrupt:
        _end("interrupted: what is done so far is kept, the same command goes on from it", 130)
    except Exception as error:
        if not is_full(error):
            raise
        place = getattr(error, "filename", None) or "the disk that the stage writes to"
        _end(f"error: no space is left on {place}; make room and run the same command again, it goes on", 1)


def expect(arguments: list[str], *usages: str) -> None:
    """InputError with the usage unless there are as many arguments as one of `usages` names, none of them an option.

    A usage is what follows `python -m`: "stages.sample <profile> <run>".
    """
    named = [usage.split()[1:] for usage in usages]
    if len(arguments) not in map(len, named) or any(one.startswith("-") or not one for one in arguments):
        raise InputError(f"usage: {' or '.join(f'python -m {usage}' for usage in usages)}")


def _interrupt(number: int, frame: Any) -> NoReturn:
    raise KeyboardInterrupt  # so that `finally` blocks run as they do on Ctrl-C


def _end(line: str, status: int) -> NoReturn:
    with suppress(OSError):  # a terminal that is closed takes no line
        print(line, file=sys.stderr, flush=True)
    sys.exit(status)
