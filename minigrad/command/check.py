"""``check``: the gradient of a function of yours, held against its values."""

from __future__ import annotations

import argparse
import importlib
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from minigrad.errors import MinigradError, UnsupportedError
from minigrad.testing import check_gradients

NAME = "check"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The function, and the inputs that it is checked at."""
    parser.add_argument("function", metavar="MODULE:FUNCTION", help="such as my_losses:focal_loss")
    parser.add_argument(
        "--shape", action="append", type=_shape, metavar="3,2", help="shape of each input in turn; () for a number"
    )
    parser.add_argument("--between", nargs=2, type=float, default=(-2.0, 2.0), metavar=("LOW", "HIGH"))
    parser.add_argument("--order", type=int, default=2, help="the highest derivative that is checked (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the inputs (%(default)s)")


def run(chosen: argparse.Namespace) -> Iterator[str]:
    """The report. Raises what the check raises, and ``RuntimeError`` where the function itself does."""
    function = found(chosen.function)
    low, high = chosen.between
    if not low < high:
        raise ValueError(f"--between takes LOW < HIGH, got {low:g} {high:g}")
    if chosen.order < 1:
        raise ValueError(f"--order is 1 or more, got {chosen.order}")
    if chosen.seed < 0:
        raise ValueError(f"--seed is 0 or more, got {chosen.seed}")
    signature = _signature(function)
    shapes = chosen.shape or [(3,)] * _needed(signature)
    _check_takes(chosen.function, signature, len(shapes))
    draw = np.random.default_rng(chosen.seed)
    inputs = [draw.uniform(low, high, shape) for shape in shapes]
    try:
        report = check_gradients(function, *inputs, order=chosen.order)
    except MinigradError:
        raise
    except Exception as error:  # the function's own: its traceback says where
        raise RuntimeError(f"{chosen.function} failed at inputs of shapes {', '.join(map(str, shapes))}") from error
    yield f"{chosen.function}: {report}, at inputs of shapes {', '.join(map(str, shapes))}\n"


def found(path: str) -> Callable[..., Any]:
    """The function that ``module:function`` names; the folder that the command runs in is searched too."""
    module, _, name = path.partition(":")
    if not module or not name:
        raise ValueError(f"the function is written MODULE:FUNCTION, such as my_losses:focal_loss, got {path!r}")
    if module.endswith(".py") or os.sep in module or module.startswith("."):
        raise ValueError(
            f"the module is written as in an import: my_losses:focal_loss for my_losses.py in this folder, got {path!r}"
        )
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        value: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name):
            raise
        raise ImportError(
            f"no module is called {module!r}: it is looked for in {os.getcwd()} and in sys.path"
        ) from None
    for part in name.split("."):
        if not hasattr(value, part):
            raise LookupError(f"{module} has no {name!r}")
        value = getattr(value, part)
    if not callable(value) or isinstance(value, type):
        raise UnsupportedError(f"{path} is of type {type(value).__name__}, not a function")
    function: Callable[..., Any] = value
    return function


def _check_takes(path: str, signature: inspect.Signature, count: int) -> None:
    """Raise ``ValueError`` for a function that cannot be called with ``count`` arrays alone."""
    try:
        signature.bind(*[None] * count)
    except TypeError as error:
        expected = f"{count} array{'s' if count > 1 else ''}"
        raise ValueError(
            f"{path} cannot be called with {expected}: {error}; --shape stands once for each array that it takes, and "
            "what else it needs is given in a function of your own"
        ) from None


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    """What it takes; of a function of C that does not say, any number of arrays."""
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return inspect.signature(lambda *_: None)


def _needed(signature: inspect.Signature) -> int:
    """How many arguments a function must be given."""
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in positional and p.default is p.empty for p in signature.parameters.values()) or 1


def _shape(text: str) -> tuple[int, ...]:
    """(3, 2) of "3,2"."""
    try:
        shape = tuple(int(part) for part in text.strip("()").split(",") if part.strip())
    except ValueError:
        shape = (-1,)
    if any(side < 0 for side in shape):
        raise argparse.ArgumentTypeError(f"a shape is written 3,2, got {text!r}")
    return shape
