"""``checkpoint``: memory for time. A function's graph is not kept, but recorded again when the gradient is wanted.

After Chen et al., Training Deep Nets with Sublinear Memory Cost (2016), https://arxiv.org/abs/1604.06174.

In place of all that ``f`` recorded, the graph gets one node. Its parents are what the recording started from: the
arguments, and whatever else ``f`` used that requires a gradient. What the node knows is how to run ``f`` again.
A gradient that is recorded is computed by a function that is checkpointed too: memory stays low at every order.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from minigrad import random
from minigrad.core.batches import inside
from minigrad.core.checks import check_function
from minigrad.core.context import again, enable_grad, is_recording, recorder
from minigrad.core.graph import Node, next_order
from minigrad.core.memory import own
from minigrad.core.stands import shown
from minigrad.core.tensor import Tensor, wrap
from minigrad.core.trees import leaves, mapped
from minigrad.errors import GraphError
from minigrad.transforms.packing import parts
from minigrad.transforms.run_again import RunAgain, as_it_is
from minigrad.transforms.subgraph import Section, stand_in


def checkpoint(f: Callable[..., Any], *xs: Any, **options: Any) -> Any:
    """``f(*xs)``, with a gradient for which ``f`` is run again: its intermediate values are not kept until then.

    The result may be a Tensor or a structure of them (lists, tuples, dicts), ``xs`` anything. Gradients reach the
    Tensors in ``xs`` and all others that ``f`` uses, such as the parameters of a layer. The numbers that ``f`` draws
    from the package's own generator are drawn again. Under ``no_grad()`` this just runs ``f``.

    >>> x = mg.tensor([1.0, 2.0], requires_grad=True)
    >>> mg.checkpoint(lambda x: (x * x).sum(), x).backward()
    >>> x.grad
    array([2., 4.], dtype=float32)

    ``backward`` raises ``GraphError`` when the second run gives other bits than the first, and when a tensor that ``f``
    uses was written to meanwhile. Running statistics of layers move once. What else ``f`` does, such as counting its
    calls, it does twice.
    """
    check_function("checkpoint", f)
    if not is_recording():
        return f(*xs, **options)
    return _Block(f, tuple(mapped(as_it_is, x) for x in xs), options).first_run()


class _Block(RunAgain):
    """A function and its arguments."""

    def __init__(self, f: Callable[..., Any], xs: tuple[Any, ...], options: dict[str, Any]) -> None:
        super().__init__("checkpoint")
        self.f, self.xs, self.options = f, xs, options
        self._draws = _Draws()
        self._fingerprint = b""

    def first_run(self) -> Any:
        """The result, behind one node of this block."""
        start = next_order()
        tensors = [x for _, x in leaves(self.xs) if isinstance(x, Tensor)]
        before = [x._array for x in tensors]
        xs, options = self.xs, self.options
        if recorder() is None:  # the second run gets what the first one got
            self.xs = tuple(mapped(own, x) for x in xs)
            self.options = {name: mapped(own, x) for name, x in options.items()}
        result = self.f(*xs, **options)
        self._draws.end()
        if any(x._array is not data for x, data in zip(tensors, before, strict=True)):
            raise GraphError(_WRITES.format("its argument"))
        outputs = _recorded(result)
        if not outputs:
            return result
        self.start_from(list(Section([z._node for z in outputs], start).ends))
        self._fingerprint = _fingerprint(outputs)
        nodes = iter(self.nodes(outputs))
        return mapped(lambda z: wrap(z._array, next(nodes)) if _is_recorded(z) else z, result)

    def all_gradients(self, g: Any) -> list[Any]:
        """dL/d(parent) for each."""
        return checkpoint(self.pull, g) if isinstance(g, Tensor) else [x._array for x in self.pull(wrap(g), False)]

    def pull(self, g: Tensor, record: bool = True) -> list[Tensor]:
        """Run ``f`` again, and carry the gradient of its outputs back to all parents."""
        new = {
            parent: stand_in(behind if record else None, parent.shape, parent.dtype)
            for parent, behind in zip(self.parents, self.behind, strict=True)
        }
        start = next_order()
        with self._draws.again(), again(), enable_grad(), inside(self.batches):
            outputs = _recorded(self.f(*self.xs, **self.options))
        if _fingerprint(outputs) != self._fingerprint:
            raise GraphError(
                "the function given to checkpoint is not deterministic: run again for the gradient, it gave another "
                "result. Draw random numbers from the package's own generator (mg.manual_seed), which is rewound, and "
                "write to no data that it reads before backward()"
            )
        roots = [z._node for z in outputs]
        section = Section(roots, start, list(new.values()), new)
        if any(type(end) is Node and end not in section.wanted for end in section.ends):
            raise GraphError(_WRITES.format("a tensor from outside"))
        return section.pull(roots, parts(g, outputs), record=record, retain=record)


#: What is written in the first run has its history from there, which the second run cannot tell from its own.
_WRITES = (
    "the function given to checkpoint writes into {}, and is run again for the gradient: write y = x.copy() first and "
    "change y, or return what is new"
)


def _is_recorded(value: Any) -> bool:
    return isinstance(value, Tensor) and value._node is not None


def _recorded(result: Any) -> list[Tensor]:
    """The Tensors of a result that a gradient flows through."""
    return [leaf for _, leaf in leaves(result) if _is_recorded(leaf)]


def _fingerprint(outputs: list[Tensor]) -> bytes:
    """A few bytes that tell whether all bits are the same."""
    digest = importlib.import_module("hashlib").blake2b(digest_size=16)  # loads OpenSSL, which takes long for an import
    for z in outputs:
        digest.update(f"{z.shape} {z.dtype} ".encode())
        data = shown(z._array)  # a program is not asked again what it gave
        digest.update(np.ascontiguousarray(data).view(np.uint8).data if z.size else b"")
    value: bytes = digest.digest()
    return value


#: Who rewinds the one generator of the package puts it back before the next one rewinds it.
_rewinding = threading.RLock()


class _Draws:
    """The package's generator as it was before ``f`` drew from it."""

    def __init__(self) -> None:
        self._generator = random.generator_or_default(None)
        self._state: Any = self._generator.bit_generator.state
        recording = recorder()
        self._recorded = recording and recording.draws
        self._span = (recording.draws.count,) * 2 if recording else (0, 0)

    def end(self) -> None:
        """Forget it again if nothing was drawn."""
        if self._recorded:
            self._span = (self._span[0], self._recorded.count)
        if random.generator_or_default(None) is self._generator and self._generator.bit_generator.state == self._state:
            self._state = None

    @contextmanager
    def again(self) -> Iterator[None]:
        """Repeat the first run's draws; afterwards the generator continues from its present state."""
        if self._recorded:  # a replay holds what it drew
            with self._recorded.again(*self._span):
                yield
            return
        if self._state is None:
            yield
            return
        with _rewinding:
            owned, state = list(random.package_generator), self._generator.bit_generator.state
            random.package_generator[:] = [self._generator]
            self._generator.bit_generator.state = self._state
            try:
                yield
            finally:
                self._generator.bit_generator.state = state
                random.package_generator[:] = owned
