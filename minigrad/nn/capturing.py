"""``capture``: what comes out of the modules inside a model, by name, its gradients, and other results in its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from fnmatch import fnmatchcase
from types import TracebackType
from typing import Any

from minigrad.core.primitive import elementwise
from minigrad.core.tensor import Tensor
from minigrad.core.trees import mapped_by_path
from minigrad.errors import HyperparameterError
from minigrad.nn.module import Module
from minigrad.support.idioms import closest

__all__ = ["capture"]


class capture(AbstractContextManager["capture"]):  # noqa: N801 - a context manager, spelled like a function
    """A context that notes what modules of ``model`` return, and after ``backward()`` the gradients of that.

    ``patterns`` are names of modules as in ``model.named_modules()``, with ``*`` for any text; without one, all.
    ``replace`` maps patterns to functions: what a module returns goes on as the function of it. ``outputs`` and
    ``gradients`` are dicts by name; of a module that returns several tensors, each has its gradient ("lstm[0]"). A
    module that is called again has its last output, and the sum of the gradients. The outputs are what goes on, as
    parts of the graph: write ``.detach()`` to keep them for long.

    >>> model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    >>> with nn.capture(model, "1") as seen:
    ...     loss = model(np.ones((4, 2), "float32")).sum()
    >>> loss.backward()
    >>> seen.outputs["1"].shape, seen.gradients["1"].shape
    ((4, 3), (4, 3))
    >>> with nn.capture(model, replace={"1": lambda h: h * 0}):
    ...     bool((model(np.ones((4, 2), "float32")).data == model[2].bias.data).all())
    True

    Raises ``HyperparameterError`` for a pattern that no module has. Only calls inside the context are seen, and one
    context at a time may capture a module. A compiled step is recorded anew inside, and its replays are seen too.
    """

    def __init__(
        self, model: Module, *patterns: str, replace: Mapping[str, Callable[[Any], Any]] | None = None
    ) -> None:
        self.outputs: dict[str, Any] = {}
        self.gradients: dict[str, Any] = {}
        self._changes: list[tuple[str, Module, Callable[[Any], Any] | None]] = []
        named = model.named_modules()
        replace = dict(replace or {})
        for pattern in (*patterns, *replace):
            if not any(fnmatchcase(name, pattern) for name, _ in named):
                close = closest(pattern, [name for name, _ in named])
                raise HyperparameterError(
                    f"capture: {type(model).__name__} has no module of the name {pattern!r}"
                    + (f"; did you mean {close!r}?" if close else ": the names are in model.named_modules()")
                )
        for name, module in named:
            change = next((f for pattern, f in replace.items() if fnmatchcase(name, pattern)), None)
            seen = any(fnmatchcase(name, pattern) for pattern in patterns) or not (patterns or replace)
            if seen or change is not None:
                self._changes.append((name, module, change))

    def __enter__(self) -> capture:
        for name, module, _ in self._changes:
            if "forward" in vars(module):
                raise HyperparameterError(
                    f"capture: the forward of {name or 'the model'!r} is replaced already, by another capture or an "
                    "assignment: leave that first"
                )
        for name, module, change in self._changes:
            vars(module)["forward"] = self._noting(name, module.forward, change)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _, module, _ in self._changes:
            vars(module).pop("forward", None)

    def _noting(self, name: str, forward: Callable[..., Any], change: Callable[[Any], Any] | None) -> Any:
        def noting(*args: Any, **options: Any) -> Any:
            result = forward(*args, **options)
            result = result if change is None else change(result)
            result = mapped_by_path(self._tapped, result, name)
            self.outputs[name] = result
            return result

        return noting

    def _tapped(self, name: str, z: Any) -> Any:
        def note(g: Any) -> None:
            known = self.gradients.get(name)
            self.gradients[name] = g if known is None else known + g

        return _tap(z, note) if isinstance(z, Tensor) and z.requires_grad else z


def _itself(x: Any, note: Callable[[Any], None]) -> Any:
    del note  # what is noted is the gradient
    return x


def _pass_on(g: Any, note: Callable[[Any], None]) -> Any:
    note(g)
    return g


_tap = elementwise(_itself, _pass_on, name="tap", analytic=True, doc="x, whose gradient is noted on its way.")
