"""A model in evaluation mode for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from minigrad.nn.module import Module


@contextmanager
def evaluating(model: Module) -> Iterator[None]:
    """Every module inside is in evaluation mode, and afterwards in the mode in which it was."""
    modes = [(module, vars(module).get("training")) for module in model.modules()]
    try:
        model.eval()
        yield
    finally:
        for module, mode in modes:
            if mode is None:  # the class's own
                del module.training
            else:
                module.training = mode
