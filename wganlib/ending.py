"""How the command line ends: whatever is the user's to mend prints one line; a fault of the library shows a traceback."""

import contextlib
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperGroup

from wganlib.errors import WganlibError, refused


class Commands(TyperGroup):
    """All commands, which Ctrl-C ends with a word."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was given.

        Raises:
            typer.Exit: the command was interrupted, or asked for it.
        """
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            typer.echo("stopped; every file is whole or not there: the same command begins again", err=True)
            raise typer.Exit(130) from None


def run(command: Callable[[], Any]) -> None:
    """Run a command to the end of its output.

    A user's mistake, and what the operating system refuses, print one line and exit with 2.
    """
    try:
        try:
            command()
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except WganlibError as error:
        line = str(error)
    except (OSError, MemoryError) as error:
        line = refused(error)
        if isinstance(error, OSError) and _to_stdout(error):
            line = f"standard output: {line}"
            # Python flushes once more at its end.
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    else:
        return
    with contextlib.suppress(OSError):
        print(f"error: {line}", file=sys.stderr, flush=True)
    sys.exit(2)


def _to_stdout(error: OSError) -> bool:
    """Whether standard output could not be written: such errors name no file."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return error.filename is None and last.name in ("echo", run.__name__)
