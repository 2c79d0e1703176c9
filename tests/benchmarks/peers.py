"""Who competes: those that are installed, and only if all compute the same thing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .timing import Step

Builders = Mapping[str, Callable[[], Any]]

PEERS = {
    "notebook": "the notebook's hand-wired NumPy code",
    "hand": "the same slicing, written out in NumPy",
    "parts": "what it is made of: five products with the Jacobian, one gradient of the whole batch",
    "torch": "PyTorch, eager",
    "torch-fused": "PyTorch, eager, with its fused Adam",
    "torch-compile": "PyTorch under torch.compile, which takes long; only when asked for",
    "jax": "JAX, under jax.jit",
    "mygrad": "MyGrad",
    "autograd": "HIPS autograd",
}

#: Those that take part only when they are named.
ON_REQUEST = {"torch-compile"}


def built(builders: Builders) -> tuple[dict[str, Any], dict[str, str]]:
    """The steps of the frameworks that are installed, and the reason for each that is left out."""
    steps, skipped = {}, {}
    for name, build in builders.items():
        try:
            steps[name] = build()
        except ModuleNotFoundError as error:
            if error.name is None or error.name.split(".")[0] == "minigrad":
                raise
            skipped[name] = f"{error.name} is not installed: pip install -e '.[bench]' brings it"
    return steps, skipped


def compiled(step: Callable[[], Any], backend: str) -> Any:
    """A step under ``mg.compile``. Raises ``ModuleNotFoundError`` where the backend's package is missing."""
    import importlib

    import minigrad as mg
    from minigrad.compiler.backends import BACKENDS

    importlib.import_module(BACKENDS[backend][1])
    return mg.compile(step, backend=backend)


def agree(steps: Mapping[str, Step], calls: int = 5, tolerance: float = 1e-4) -> dict[str, list[float]]:
    """Call each step a few times and return the losses. Raises ``ValueError`` unless all are equal.

    A benchmark of two programs that compute different things is worth nothing.
    """
    results = {name: [numbers(step()) for _ in range(calls)] for name, step in steps.items()}
    first, expected = next(iter(results.items()))
    for name, got in results.items():
        for call, (values, wanted) in enumerate(zip(got, expected, strict=True)):
            for value, want in zip(values, wanted, strict=True):
                if not np.allclose(value, want, rtol=tolerance, atol=tolerance * np.max(np.abs(want))):
                    raise ValueError(f"{name} and {first} compute different things: in call {call}, {value}, {want}")
    return {name: [float(values[0]) for values in got] for name, got in results.items()}


def numbers(result: Any) -> list[np.ndarray]:
    """What a step returned, a value or several, as arrays, whichever framework made them."""
    values = result if isinstance(result, tuple) else (result,)
    return [np.array(value.detach().numpy() if hasattr(value, "detach") else value) for value in values]
