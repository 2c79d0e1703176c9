"""The command line: reads the arguments, and hands them to the command that they name."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TextIO

from minigrad import __version__
from minigrad.command import bench, check, demo, info, launch, ops, report
from minigrad.errors import MinigradError


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    top = argparse.ArgumentParser(prog="python -m minigrad", description="Automatic differentiation on NumPy alone.")
    top.add_argument("--version", action="version", version=f"minigrad {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    for module in (info, ops, check, demo, bench, report, launch):
        words = (module.__doc__ or "").split("\n")[0].partition(": ")[2]
        one = commands.add_parser(module.NAME, help=words, description=words[0].upper() + words[1:])
        module.arguments(one)
        one.set_defaults(run=module.run, error=one.error)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. Returns 0, or 1 with a line on stderr that says what was wrong; argparse's own errors exit with 2.

    Without a command it lists all of them, and returns 2.
    A reader that leaves early (``| head``) and Ctrl-C end it without a traceback.

    >>> from minigrad.command import main
    >>> main(["check", "minigrad:tanh"])
    minigrad:tanh: gradients agree (order 1: ...; order 2: ...) over tanh, at inputs of shapes (3,)
    0
    """
    reader = parser()
    chosen, unknown = reader.parse_known_args(arguments)
    if unknown:  # said by the command itself, whose usage has its options
        getattr(chosen, "error", reader.error)(f"unrecognized arguments: {' '.join(unknown)}")
    if chosen.command is None:
        reader.print_help(sys.stderr)
        return 2
    try:
        with _leaving_quietly():
            for text in chosen.run(chosen):
                sys.stdout.write(_shown(text, sys.stdout))
                sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except (MinigradError, ImportError, LookupError, OSError, ValueError) as error:
        said = error.args[0] if isinstance(error, LookupError) and error.args else error
        sys.stderr.write(_shown(f"python -m minigrad {chosen.command}: {said}\n", sys.stderr))
        return 1
    return 0


def _shown(text: str, where: TextIO) -> str:
    """The text, with a ``?`` for each character that the terminal, or the file in its place, cannot show."""
    encoding = where.encoding or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)


@contextlib.contextmanager
def _leaving_quietly() -> Iterator[None]:
    """A pipe that was closed at its other end is no error."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
