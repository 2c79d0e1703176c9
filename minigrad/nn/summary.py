"""``model.summary(x)``: what each layer gives and costs, found by running the model once."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad.core.context import no_grad
from minigrad.core.inplace import assign, seen
from minigrad.core.tensor import Tensor
from minigrad.core.trees import flat
from minigrad.nn.flops import flops, own_parameters
from minigrad.nn.lazy import UNMADE
from minigrad.nn.modes import evaluating
from minigrad.nn.module import Module
from minigrad.ops.along import given
from minigrad.random import generator_or_default, generator_state, set_generator_state

HEADERS = ("layer", "type", "output", "dtype", "parameters", "FLOPs", "activations")


@dataclass
class Row:
    """One layer. ``flops`` is None where no formula is known; ``calls`` is 0 for a layer that was not run.

    ``activation_bytes`` is the memory of its outputs, 0 where they are a view of its input.
    """

    name: str
    type: str
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[str, ...]
    parameters: int
    trainable: int
    flops: int | None = 0
    activation_bytes: int = 0
    calls: int = 0


class Summary:
    """A table with a row for each layer, as text (``print``) and in a notebook; ``rows`` has its numbers."""

    def __init__(self, model: str, rows: list[Row]) -> None:
        self.model = model
        self.rows = rows

    @property
    def parameters(self) -> int:
        """How many numbers the model learns or holds frozen."""
        return sum(row.parameters for row in self.rows)

    @property
    def trainable(self) -> int:
        """How many of the parameters require a gradient."""
        return sum(row.trainable for row in self.rows)

    @property
    def flops(self) -> int:
        """Floating-point operations of one forward pass, of the layers whose formula is known."""
        return sum(row.flops or 0 for row in self.rows)

    @property
    def activation_bytes(self) -> int:
        """The memory of all outputs of layers."""
        return sum(row.activation_bytes for row in self.rows)

    def _cells(self) -> list[tuple[str, ...]]:
        return [
            (
                row.name + (f" (x{row.calls})" if row.calls > 1 else ""),
                row.type,
                " ".join(map(str, row.shapes)) or "not run",
                " ".join(dict.fromkeys(row.dtypes)),
                f"{row.parameters:,}",
                "?" if row.flops is None else f"{row.flops:,}",
                in_bytes(row.activation_bytes),
            )
            for row in self.rows
        ]

    def _total(self) -> str:
        frozen = self.parameters - self.trainable
        unknown = sorted({row.type for row in self.rows if row.flops is None})
        return (
            f"{self.parameters:,} parameters"
            + (f" ({frozen:,} frozen)" if frozen else "")
            + f", {self.flops:,} FLOPs"
            + (f" without {', '.join(unknown)}" if unknown else "")
            + f", {in_bytes(self.activation_bytes)} of activations"
        )

    def __str__(self) -> str:
        cells = [HEADERS, *self._cells()]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = []
        for row in cells:
            texts = [
                text.rjust(width) if number >= 4 else text.ljust(width)
                for number, (text, width) in enumerate(zip(row, widths, strict=True))
            ]
            lines.append("  ".join(texts).rstrip())
        lines.insert(1, "-" * max(map(len, lines)))
        return "\n".join([self.model, *lines, self._total()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(text)}</th>" for text in HEADERS)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(text)}</td>" for text in row) + "</tr>" for row in self._cells()
        )
        return (
            f"<table><caption>{html.escape(self.model)}: {html.escape(self._total())}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )


def in_bytes(count: int) -> str:
    """A number of bytes for people."""
    if count < 1024:
        return f"{count} B"
    size = float(count)
    for unit in ("KiB", "MiB", "GiB"):
        size /= 1024
        if size < 1024:
            return f"{size:.1f} {unit}"
    return f"{size / 1024:.1f} TiB"


def summary(model: Module, *inputs: Any) -> Summary:
    """Run ``model(*inputs)`` once, in evaluation and without a graph, and look at every layer.

    The model is left as it was: buffers, modes, and the state of its generators and of the package's own. A layer
    whose size is left to its first call has had it then: its weights are there, and stay.
    """
    inputs = tuple([given(x) for x in inputs])
    if any(value is UNMADE for module in model.modules() for value in vars(module).values()):
        with evaluating(model), no_grad():
            model(*inputs)
    rows: dict[int, Row] = {}
    counted: set[int] = set()
    for name, module in model.named_modules():
        own = [p for p in own_parameters(module) if id(p) not in counted]
        counted.update(map(id, own))
        rows[id(module)] = Row(
            name or "(model)",
            type(module).__name__,
            (),
            (),
            sum(p.size for p in own),
            sum(p.size for p in own if p.requires_grad),
        )

    def note(module: Module, args: tuple[Any, ...], output: Any) -> None:
        row = rows.get(id(module))
        if row is None:  # made while the model ran
            return
        operations = flops(module, args, output)
        row.flops = None if operations is None or row.flops is None else row.flops + operations
        row.calls += 1
        inputs = [_array(x) for x in flat(args) if hasattr(x, "shape")]
        outputs = [_array(x) for x in flat(output) if hasattr(x, "shape")]
        row.shapes = tuple(array.shape for array in outputs)
        row.dtypes = tuple(array.dtype.name for array in outputs)
        row.activation_bytes += sum(z.nbytes for z in outputs if not any(np.may_share_memory(z, x) for x in inputs))

    with _as_it_was(model), _watched(model, note), no_grad():
        model(*inputs)
    shown = [
        row for module, row in zip(model.modules(), rows.values(), strict=True) if row.parameters or _is_layer(module)
    ]
    return Summary(type(model).__name__, shown)


def _is_layer(module: Module) -> bool:
    return not module.children()


@contextmanager
def _watched(model: Module, note: Callable[[Module, tuple[Any, ...], Any], None]) -> Iterator[None]:
    """Call ``note(module, args, output)`` after the forward of each module."""
    before = [(module, vars(module).get("forward")) for module in model.modules()]
    try:
        for module, _ in before:
            vars(module)["forward"] = _noting(module, module.forward, note)
        yield
    finally:
        for module, forward in before:
            vars(module).pop("forward", None)
            if forward is not None:
                vars(module)["forward"] = forward


def _noting(module: Module, forward: Callable[..., Any], note: Callable[..., None]) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        output = forward(*args, **kwargs)
        note(module, args, output)
        return output

    return run


@contextmanager
def _as_it_was(model: Module) -> Iterator[None]:
    """Evaluation mode inside; afterwards modes, buffers and generators are what they were."""
    buffers = [(buffer, seen(buffer), seen(buffer).copy()) for buffer in model.buffers()]
    generators = [generator_or_default(None), *(generator for _, generator in model.named_generators())]
    states = [generator_state(generator) for generator in generators]
    try:
        with evaluating(model):
            yield
    finally:
        for buffer, data, values in buffers:
            data[...] = values
            assign(buffer, data)
        for generator, state in zip(generators, states, strict=True):
            set_generator_state(state, generator)


def _array(x: Any) -> np.ndarray:
    return np.asarray(seen(x) if isinstance(x, Tensor) else x)
