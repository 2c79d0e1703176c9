"""``Ready``: a program that can run, what must hold for it, and what it did so far."""

from __future__ import annotations

import importlib
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.compiler.agreement import difference
from minigrad.compiler.backends import Built, build
from minigrad.compiler.draws import Streams
from minigrad.compiler.ending import still_watched
from minigrad.compiler.overlaps import Overlaps
from minigrad.compiler.passes import simplified
from minigrad.compiler.profile import Profile, kernel, profiled
from minigrad.compiler.program import CAPTURE, Out, Program, mapped
from minigrad.compiler.reach import Reach
from minigrad.compiler.source import Listing
from minigrad.errors import CompileError
from minigrad.tensor import wrap

if TYPE_CHECKING:
    from minigrad.drawing import Picture


class Ready:
    """A program that can run: its function, what must hold for it, and what it did so far."""

    def __init__(
        self, program: Program, reach: Reach, entry: dict[Any, bool], backend: str, options: dict[str, Any]
    ) -> None:
        self.program = program
        self.lock = threading.RLock()
        self.streams, self.overlaps = Streams(program), Overlaps(program)
        self.listing = Listing(program)
        self._calls = simplified(program)
        self.built: Built = build(backend, self._calls, program, options)
        self.profile: Profile | None = None
        self.run = self.built.run
        self.calls = 0
        self.seconds = 0.0
        self._reach, self._entry, self._watched = reach, list(entry.items()), program.watched
        self._watch()
        self._single = isinstance(program.outputs, Out) and program.outputs.is_tensor

    def _watch(self) -> None:
        #: Whether all is as it was recorded: names, the memory of tensors, whether gradients are there.
        self.is_valid = self._reach.same(self.program.tensors, self._entry, self._watched)

    def changed(self) -> str:
        """The first name that holds something else now, or ""."""
        return self._reach.changed()

    def is_again(self, program: Program) -> bool:
        """Whether a new recording is this very program, although arrays that it watches have changed."""
        if all(array.tobytes() == content for array, content in self._watched) or not self._reach.same()():
            return False
        try:
            if difference(self.program, program):
                return False
        except CompileError:  # a number in it differs
            return False
        self._watched = still_watched(program, self._watched)
        self._watch()
        return True

    def result(self, made: tuple[Any, ...]) -> Any:
        """What the function returns, from the outputs of a run."""
        if self._single:
            return wrap(made[0])
        outputs = iter(made)

        def out(x: Any) -> Any:
            if not isinstance(x, Out):
                return x
            return wrap(next(outputs)) if x.is_tensor else next(outputs)

        return mapped(out, self.program.outputs)

    # -- looking ------------------------------------------------------------------------------

    def profiled(self, arrays: list[Any], repeats: int) -> Profile:
        """See ``Compiled.profile``."""
        before = self.state()
        self.profile = profiled(self.built, self.listing, arrays, repeats, lambda: self.put_back(before))
        return self.profile

    def graph(self, title: str) -> Picture:
        """See ``Compiled.graph``."""
        shown = self.profile.kernels if self.profile else [kernel((call,), self.listing) for call in self._calls]
        drawing = importlib.import_module("minigrad.compiler.picture")
        made: Picture = drawing.pictured(self.program, self.listing, shown, title)
        return made

    # -- for the checked mode -----------------------------------------------------------------

    def _parts(self) -> tuple[list[Any], list[np.ndarray], list[Any]]:
        arrays = [value.origin for value in self.program.of_kind(CAPTURE) if value.origin.flags.writeable]
        return [leaf for leaf, _ in self.program.gradients] + self.program.cleared, arrays, self.listing.optimizers

    def state(self) -> list[Any]:
        """Copies of all that a run may change."""
        leaves, arrays, optimizers = self._parts()
        return [
            [(leaf.grad, None if leaf.grad is None else leaf.grad.copy()) for leaf in leaves],
            [array.copy() for array in arrays],
            [(optimizer.iterations, optimizer.current_lr) for optimizer in optimizers],
            self.streams.states(),
        ]

    def put_back(self, state: list[Any]) -> None:
        """The state as it was."""
        leaves, arrays, optimizers = self._parts()
        for leaf, (gradient, copy) in zip(leaves, state[0], strict=True):
            leaf.grad = gradient
            if copy is not None and gradient.flags.writeable:  # the step may have written into it
                gradient[...] = copy
        for array, copy in zip(arrays, state[1], strict=True):
            array[...] = copy
        for optimizer, (iterations, rate) in zip(optimizers, state[2], strict=True):
            optimizer.iterations, optimizer.current_lr = iterations, rate
        self.streams.put_back(state[3])

    def results(self) -> list[tuple[str, Any]]:
        """Everything a run may have changed, as copies, by name."""
        leaves, _, optimizers = self._parts()
        found = [
            (f"gradient {i}", np.array(leaf.grad, copy=True)) for i, leaf in enumerate(leaves) if leaf.grad is not None
        ]
        captures = [value for value in self.program.of_kind(CAPTURE) if value.name != "scratch"]  # nobody's business
        found += [(value.name or "an array", value.origin.copy()) for value in captures]
        found += [("iterations", np.asarray(o.iterations)) for o in optimizers]
        return found + [("current_lr", np.asarray(o.current_lr)) for o in optimizers]
