"""What a compiled function shows of its programs: text, arrays, numbers, times and pictures."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import random
from minigrad.compiler.arena import Arena
from minigrad.compiler.executable import Ready
from minigrad.compiler.output.profile import Profile
from minigrad.compiler.program_cache import weight
from minigrad.compiler.tracing.pending import AllWaiting
from minigrad.compiler.tracing.varying_arguments import Varying
from minigrad.core.checks import as_path, whole
from minigrad.core.context import mode
from minigrad.errors import CompileError, FileError

if TYPE_CHECKING:
    from minigrad.viz.dot import Picture


class Inspected:
    """The methods of ``Compiled`` that look at its programs and run none of them for good."""

    function: Callable[..., Any]
    backend: str
    _ready: dict[Any, list[Ready]]
    _first: AllWaiting
    _varying: Varying
    _arena: Arena
    _latest: Ready | None
    _calls: dict[str, int]

    @property
    def _replayed(self) -> int:
        return sum(ready.calls for several in self._ready.values() for ready in several)

    @property
    def _shown(self) -> Ready:
        if self._latest is None:
            raise CompileError(
                "mg.compile: there is no program yet: the first two calls with arguments of one kind record it, "
                "the third runs it"
            )
        return self._latest

    def source(self) -> str:
        """The program that ran last as readable NumPy: a function ``step(..., state, rates)``."""
        return self._shown.listing.text

    def export(self, path: str | os.PathLike[str]) -> None:
        """Write the program that ran last as a module that needs NumPy only, and its arrays to a .npz file beside it.

        ``step.export("step.py")`` writes ``step.py`` and ``step.npz``. The module has ``load(path)`` for the arrays,
        also from a .npz or .safetensors file of ``model.state_dict()``, and ``predict(x, state)`` for a forward
        function, ``step(x, y, state)`` where gradients are computed, or ``train(x, y, state)`` where an optimizer
        steps, all for arguments of the shapes of this program. ``python step.py x.npy`` runs it. Each file is replaced
        as a whole.

        ``step.export("step.c")`` writes the program as C99 without dependencies, ``step.c`` and ``step.h``, and what it
        keeps from run to run as ``step.bin``.

        Raises ``CompileError`` for a path that ends otherwise, and for what cannot be written as text, or has no form
        in C; ``FileError`` for a folder that is not there.
        """
        path = str(as_path(path, "export(path)"))
        name, ready = getattr(self.function, "__name__", "step"), self._shown
        if not os.path.isdir(folder := os.path.dirname(path) or "."):
            raise FileError(f"export: there is no folder {folder!r}")
        if os.path.isdir(path):
            raise FileError(f"export: {path!r} is a folder, which a file does not replace")
        if path.endswith(".c"):
            importlib.import_module("minigrad.compiler.c.export").export(ready.listing, ready.simplified, name, path)
            return
        exporting = importlib.import_module("minigrad.compiler.output.export")  # with much of Python's library
        exporting.export(ready.listing, name, path)

    def state(self) -> dict[str, np.ndarray]:
        """The arrays that ``source()`` reads and writes, by name: the very arrays, not copies."""
        return self._shown.listing.state

    def rates(self) -> tuple[float, ...]:
        """The numbers that the optimizers work out for the next step, as ``source()`` takes them."""
        return self._shown.listing.rates()

    def generators(self) -> tuple[np.random.Generator, ...]:
        """The generators that the step draws from, as ``source()`` takes them: the very ones, not copies."""
        return tuple([random.generator_or_default(owner) for owner in self._shown.listing.owners])

    def profile(self, *args: Any, repeats: int = 20, **kwargs: Any) -> Profile:
        """Where the time goes: the program for these arguments, run kernel by kernel, medians of ``repeats`` runs.

        ``print`` shows a table, the longest first. Nothing is changed: weights, momenta, counts and gradients are put
        back after each run. The clock adds a little to each kernel, so their sum is more than a replay takes.

        Raises ``CompileError`` where there is no program for such arguments yet, ``HyperparameterError`` for
        ``repeats`` below 1.
        """
        repeats = whole("profile", "repeats", repeats)
        arrays: list[Any] = []
        key, inputs = self._varying.key(args, kwargs, mode(), arrays)
        for ready in self._ready.get(key, ()):
            with ready.lock:
                if ready.is_valid():
                    self._latest = ready
                    return ready.profiled([*arrays, *inputs.values(), *ready.reads()], repeats)
        raise CompileError(
            "mg.compile: there is no program for these arguments yet: the first two calls with arguments of one kind "
            "record it"
        )

    def graph(self) -> Picture:
        """The program that ran last as a picture, in a notebook or as ``.svg``, ``.html`` and ``.dot``.

        Forward, backward and update are groups; each box is a kernel with the bytes it reads and writes, and the time
        it took where ``profile`` was called before. Drawing needs Graphviz: ``pip install pygraphviz``.
        """
        return self._shown.graph(f"the program of {getattr(self.function, '__name__', 'a step')}")

    def stats(self) -> dict[str, Any]:
        """The program that ran last in numbers: calls, buffers, bytes, microseconds per replay; and how many there are.

        ``bytes`` are those of its buffers, ``bytes of all`` about what all programs and recordings take together: the
        buffers, which they share, and what each has for itself. At most 64 programs are kept, those used last.
        ``recorded``, ``replayed`` and ``eager`` count the calls so far; eager ones are those in which a condition of
        the program did not hold, or that took a rare turn (an update left out), for which no program is made.
        ``audited`` counts the calls that ran both ways; they are among the replayed.
        ``kernels`` are (text, microseconds) of each, as ``profile`` measured them last.
        """
        ready = self._latest
        own = [ready.program for several in self._ready.values() for ready in several]
        built = ready.built.stats if ready else {"calls": 0, "buffers": 0, "bytes": 0}
        return {
            "backend": self.backend,
            "programs": len(own),
            "bytes of all": self._arena.nbytes + sum(map(weight, [*own, *self._first.programs])),
            "recorded": self._calls["recorded"],
            "replayed": self._replayed,
            "eager": self._calls["eager"],
            "audited": self._calls["audited"],
            "calls recorded": len(ready.program.calls) if ready else 0,
            **built,
            "kernels": [(x.text, x.microseconds) for x in ready.profile.kernels] if ready and ready.profile else [],
            "microseconds": ready.microseconds if ready else 0.0,
        }

    def __repr__(self) -> str:
        return f"<compiled {getattr(self.function, '__name__', self.function)!s}, backend {self.backend!r}>"
