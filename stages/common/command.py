"""What every stage script shares: it ends in one line when the user can mend the cause."""

import sys
from collections.abc import Callable

from stages.common.files import InputError


def run_stage(main: Callable[[list[str]], None]) -> None:
    """Runs `main` on the command line's arguments; an InputError becomes one line on stderr and status 1, Ctrl-C 130."""
    try:
        main(sys.argv[1:])
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted: what is done so far is kept, the same command goes on from it", file=sys.stderr)
        sys.exit(130)
