"""One node for one call of a function whose gradient somebody says: the user, or the theorem of implicit functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from minigrad.core.context import is_recording
from minigrad.core.conversion import numbers_of
from minigrad.core.members import memberwise
from minigrad.core.primitive import primitive
from minigrad.core.stands import Stand
from minigrad.core.tensor import Tensor, around, wrap
from minigrad.core.trees import aligned, leaves, mapped
from minigrad.errors import DTypeError, GraphError, ShapeError
from minigrad.transforms.once import Once
from minigrad.transforms.packing import as_kind, part, parts, starts
from minigrad.transforms.run_again import as_it_is

#: ``run(*args)`` is (result, saved); ``pull(args, result, saved, g)`` one gradient for each argument, or None for zero.
Run = Callable[..., tuple[Any, Any]]
Pull = Callable[[tuple[Any, ...], Any, Any, Any], Any]


class RuledCall:
    """One call of a function ``name``: how it runs, and how a gradient of its result is pulled back.

    ``run`` gets Tensors without a graph in place of the Tensors among ``args``, and what it returns has none either.
    ``pull`` gets the same, or, where the backward pass is recorded, Tensors of the graph; ``saved`` is None then, so
    that what it holds is computed again, as a function of the arguments. With ``separate``, ``pull`` is called with the
    number of one argument besides, when its gradient is asked for, and gives that gradient alone.
    """

    def __init__(
        self, name: str, run: Run, pull: Callable[..., Any], args: tuple[Any, ...], *, separate: bool = False
    ) -> None:
        self._name, self._run, self._pull = name, run, pull
        # What the rule gets of them is what they are now.
        self._args = mapped(as_it_is, args) if is_recording() else args
        self._each = [Once() for _ in args] if separate else None
        self._outputs: list[Any] = []
        self._result: Any = None
        self._saved: Any = None
        self._gradients = Once()

    def __repr__(self) -> str:
        return self._name  # in errors

    def result(self) -> Any:
        """What the function returns; its Tensors lead back to those among the arguments."""
        values = [x for _, x in leaves(self._args)]
        refuse_modules(self._name, self._args)
        tensors = [x for x in values if isinstance(x, Tensor)]
        packed = _ruled(*tensors, ruled=self)
        if len(self._outputs) == 1:
            items = [packed]
        else:
            items = [
                part(packed, start, z.shape) for start, z in zip(starts(self._outputs), self._outputs, strict=True)
            ]
            items = [as_kind(x, z.dtype) for x, z in zip(items, self._outputs, strict=True)]
        each = iter(items)
        return mapped(lambda z: next(each) if _is_output(z) else z, self._result)

    def forward(self, arrays: tuple[Any, ...]) -> Any:
        """The results as one array, of one that is itself."""
        self._result, self._saved = self._run(*self._with(wrap(x) for x in arrays))
        self._outputs = [z for _, z in leaves(self._result) if _is_output(z)]
        if not self._outputs:
            raise DTypeError(
                f"{self._name} returns no Tensor and no array of floating numbers, got {self._result!r:.80}"
            )
        if any(isinstance(x, Tensor) and x._node is not None for _, x in leaves((self._result, self._saved))):
            raise GraphError(
                f"{self._name} uses a tensor that requires a gradient and is none of its arguments, so its rule cannot "
                "give the gradient: pass it as an argument, or write .detach() to leave it out on purpose"
            )
        data = [z._array if isinstance(z, Tensor) else z for z in self._outputs]
        return data[0] if len(data) == 1 else np.concatenate([np.reshape(z, -1) for z in data])

    def gradient(self, g: Any, i: int, xs: tuple[Any, ...], z: Any) -> Any:
        """dL/d(Tensor number i among the arguments)."""
        if self._each is None:
            return self._gradients.take(g, i, lambda: self._all_gradients(g, xs, z))
        owners = [n for n, arg in enumerate(self._args) for _, x in leaves(arg) if isinstance(x, Tensor)]
        n = owners[i]
        return self._each[n].take(g, i - owners.index(n), lambda: self._all_gradients(g, xs, z, n))

    def _all_gradients(self, g: Any, xs: tuple[Any, ...], z: Any, *only: int) -> list[Any]:
        """The gradients of all Tensors among the arguments, or of those in the argument of this number."""
        record = isinstance(g, Tensor)
        args = self._with(x if isinstance(x, Tensor) else wrap(x) for x in xs)
        result = self._in_structure(z if record else wrap(z), itself)
        cotangent = self._in_structure(g if record else wrap(g), nothing)
        by_argument = self._pull(args, result, None if record else self._saved, cotangent, *only)
        if only:
            args, by_argument = tuple([args[n] for n in only]), (by_argument,)
        if not isinstance(by_argument, (tuple, list)) or len(by_argument) != len(args):
            count = len(by_argument) if isinstance(by_argument, (tuple, list)) else type(by_argument).__name__
            raise ShapeError(
                f"the rule of {self._name} gives a tuple with a gradient for each argument, or None for none: expected "
                f"{len(args)}, got {count}"
            )
        gradients = []
        for number, (item, arg) in enumerate(zip(by_argument, args, strict=True)):
            pairs: Any = (
                ((n, None, x) for n, x in leaves(arg)) if item is None else aligned(item, arg, f"gradient {number}")
            )
            gradients += [self._checked(name, gradient, x) for name, gradient, x in pairs if isinstance(x, Tensor)]
        return gradients if record else [x._array for x in gradients]

    def _checked(self, name: str, gradient: Any, x: Tensor) -> Tensor:
        """A gradient as a Tensor of the shape of what it is for."""
        if gradient is None:
            return around(np.zeros(x.shape, x.dtype))
        if isinstance(gradient, Stand):  # for an array of a program, or of each member of a batch
            gradient = wrap(gradient)
        array = None if isinstance(gradient, Tensor) else numbers_of(gradient)
        if array is not None and x.dtype.kind == "f":
            array = np.real(array)  # of a real argument, as in the walk
        checked: Tensor = gradient if array is None else around(np.asarray(array, x.dtype))
        if checked.shape != x.shape:
            raise ShapeError(
                f"the rule of {self._name} gives {name} of shape {checked.shape} for an argument of shape {x.shape}: "
                "return it in the argument's shape"
            )
        return checked

    def _with(self, tensors: Any) -> tuple[Any, ...]:
        """The arguments with the next of these in place of each Tensor."""
        each = iter(tensors)
        changed: tuple[Any, ...] = mapped(lambda x: next(each) if isinstance(x, Tensor) else x, self._args)
        return changed

    def _in_structure(self, packed: Tensor, otherwise: Callable[[Any], Any]) -> Any:
        """The vector of all results in their structure, and ``otherwise(z)`` of a result that has no gradient."""
        each = iter(parts(packed, self._outputs))
        return mapped(lambda z: next(each) if _is_output(z) else otherwise(z), self._result)


def refuse_modules(name: str, args: Any) -> None:
    """Raise ``DTypeError`` for a Module among arguments: a rule gives no gradients of what it holds."""
    if any(hasattr(x, "named_parameters") for _, x in leaves(args)):
        raise DTypeError(
            f"{name}: a Module is no argument of a function with a rule of its own: pass its parameters, "
            "dict(model.named_parameters()), and call it by mg.functional_call"
        )


def has_tensors(args: Any) -> bool:
    """Whether there is a Tensor in a structure."""
    return any(isinstance(x, Tensor) for _, x in leaves(args))


def on_arrays(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """``function(*args)`` with arrays for the Tensors, for code that knows nothing of them."""

    def call(*arrays: Any) -> Any:
        each = iter(arrays)
        return function(*mapped(lambda x: next(each) if isinstance(x, Tensor) else x, args))

    return memberwise(call, *[x._array for _, x in leaves(args) if isinstance(x, Tensor)])


def floating_tensors(args: Any) -> list[Tensor]:
    """The Tensors in a structure that a gradient can lead to, in order."""
    return [x for _, x in leaves(args) if _is_floating(x)]


def itself(x: Any) -> Any:
    """``x``."""
    return x


def nothing(x: Any) -> None:
    """None, for what has no gradient."""


def with_tensors(args: Any, tensors: Iterable[Any], otherwise: Callable[[Any], Any] = itself) -> Any:
    """The structure with the next of ``tensors`` for each of ``floating_tensors(args)``, and ``otherwise(x)`` else."""
    each = iter(tensors)
    return mapped(lambda x: next(each) if _is_floating(x) else otherwise(x), args)


def _is_floating(x: Any) -> bool:
    return isinstance(x, Tensor) and x.dtype.kind in "fc"


def _is_output(z: Any) -> bool:
    """Whether a leaf of a result is a Tensor or an array that a gradient can lead to."""
    dtype: Any = getattr(z, "dtype", None)
    return isinstance(z, (Tensor, np.ndarray, np.generic, Stand)) and dtype.kind in "fc"


_ruled = primitive(
    lambda *xs, ruled: ruled.forward(xs),
    lambda g, i, xs, z, ruled: ruled.gradient(g, i, xs, z),
    name="ruled_call",
    holomorphic=True,
    doc="A function whose gradient is given by a rule of its own.",
)
