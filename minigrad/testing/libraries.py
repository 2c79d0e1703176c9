"""Functions of other libraries as functions of Tensors, so that the same check finds what is wrong with them.

A library is two functions: how it calls a function on arrays, and how it makes the function of (inputs, gradients of
the outputs) that gives the gradients of the inputs. What is made so is again a function of the library, so it is
differentiated in the same way, at every order.
"""

from __future__ import annotations

import copy
import importlib
import math
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from minigrad.core.dispatch import variadic_call
from minigrad.core.primitive import primitive
from minigrad.core.tensor import Tensor
from minigrad.errors import DTypeError
from minigrad.testing.checks import Failure

Function = Callable[..., Any]


class Library(NamedTuple):
    """How a library calls a function, and differentiates one of ``count`` inputs; None if it cannot a second time."""

    call: Callable[[Function, Sequence[np.ndarray]], list[Any]]
    pull: Callable[[Function, int], Function] | None


def _several(result: Any) -> list[Any]:
    return list(result) if isinstance(result, (tuple, list)) else [result]


# -- PyTorch ------------------------------------------------------------------------------------------


def _call_torch(f: Function, arrays: Sequence[np.ndarray]) -> list[Any]:
    torch = importlib.import_module("torch")

    # The tensors share the memory of the arrays, so that a write in place shows; PyTorch has no negative strides.
    shares = [x.flags.writeable and min(x.strides, default=0) >= 0 for x in arrays]
    tensors = [torch.from_numpy(x if share else x.copy()) for x, share in zip(arrays, shares, strict=True)]
    return [z if z is None else z.detach().numpy() for z in _several(f(*[x.requires_grad_() for x in tensors]))]


def _pull_torch(f: Function, count: int) -> Function:
    torch = importlib.import_module("torch")

    def gradients(*arrays: Any) -> list[Any]:
        xs, gs = arrays[:count], arrays[count:]
        pairs = [(z, g) for z, g in zip(_several(f(*xs)), gs, strict=True) if z is not None and z.requires_grad]
        if not pairs:
            return [None] * count
        outputs, weights = zip(*pairs, strict=True)
        return list(torch.autograd.grad(outputs, xs, weights, create_graph=True, allow_unused=True))

    return gradients


# -- JAX ----------------------------------------------------------------------------------------------


def _call_jax(f: Function, arrays: Sequence[np.ndarray]) -> list[Any]:
    jax = importlib.import_module("jax")

    double = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64
    with double(True):
        return [np.asarray(z) for z in _several(f(*[jax.numpy.asarray(x) for x in arrays]))]


def _pull_jax(f: Function, count: int) -> Function:
    jax = importlib.import_module("jax")

    def gradients(*arrays: Any) -> list[Any]:
        result, pull = jax.vjp(lambda *xs: tuple(_several(f(*xs))), *arrays[:count])
        weights = [g.astype(z.dtype) for z, g in zip(result, arrays[count:], strict=True)]
        return list(pull(tuple(weights)))

    return gradients


# -- HIPS autograd ------------------------------------------------------------------------------------


def _call_autograd(f: Function, arrays: Sequence[np.ndarray]) -> list[Any]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Output seems independent")  # its gradient is 0
        return [np.asarray(z) for z in _several(f(*arrays))]


def _pull_autograd(f: Function, count: int) -> Function:
    autograd = importlib.import_module("autograd")

    def joined(*xs: Any) -> Any:
        result = f(*xs)
        if autograd.isinstance(result, tuple):
            return result
        return autograd.tuple(result if isinstance(result, list) else [result])

    def gradients(*arrays: Any) -> Any:
        pull, _ = autograd.make_vjp(joined, tuple(range(count)))(*arrays[:count])
        slopes = pull(autograd.tuple([*arrays[count:]]))
        return [slopes[i] for i in range(count)]

    return gradients


# -- NumPy --------------------------------------------------------------------------------------------


def _call_numpy(f: Function, arrays: Sequence[np.ndarray]) -> list[Any]:
    return [z if z is None else np.asarray(z) for z in _several(f(*arrays))]


LIBRARIES = {
    "torch": Library(_call_torch, _pull_torch),
    "jax": Library(_call_jax, _pull_jax),
    "autograd": Library(_call_autograd, _pull_autograd),
    "numpy": Library(_call_numpy, None),
}


def library_of(f: Any, inputs: Sequence[Any]) -> str | None:
    """The library that a function or its inputs belong to, by name; None for this package's own."""
    if isinstance(f, tuple):
        return "numpy"
    torch, jax = sys.modules.get("torch"), sys.modules.get("jax")
    if torch is not None:
        is_rule = isinstance(f, type) and issubclass(f, torch.autograd.Function)
        if is_rule or any(isinstance(x, torch.Tensor) for x in inputs):
            return "torch"
    if jax is not None and (
        isinstance(f, (jax.custom_vjp, jax.custom_jvp)) or any(isinstance(x, jax.Array) for x in inputs)
    ):
        return "jax"
    return "autograd" if getattr(f, "_is_autograd_primitive", False) is True else None


def as_function(f: Any, library: str, count: int) -> Function:
    """A function of ``count`` inputs, of the library of this name, as one of Tensors.

    Raises ``DTypeError`` for anything but a function or a pair of functions.
    """
    if library not in LIBRARIES:
        raise DTypeError(f"library is one of {', '.join(LIBRARIES)}, got {library!r}")
    known = LIBRARIES[library]
    if library == "numpy":
        if not isinstance(f, tuple) or len(f) != 2 or not all(map(callable, f)):
            raise DTypeError("of NumPy's functions a pair is checked: (f, vjp), where vjp(g, *inputs) is the gradient")
        f, vjp = f

        def gradients(*arrays: Any) -> Any:
            g = arrays[count:]
            return vjp(g[0] if len(g) == 1 else tuple(g), *arrays[:count])

        return _Foreign(_name_of(f), f, gradients, known, count)
    name, is_rule = _name_of(f), isinstance(f, type)  # a torch.autograd.Function
    f = f.apply if is_rule else f
    return _Foreign(name, f, known.pull and known.pull(f, count), known, count)


def _name_of(f: Any) -> str:
    return str(getattr(f, "__name__", type(f).__name__))


class _Foreign:
    """A function of another library: called on Tensors, it is one op, whose outputs lie packed in one array."""

    def __init__(self, name: str, f: Function, gradients: Function | None, library: Library, count: int) -> None:
        self.name, self.f, self.gradients, self.library, self.count = name, f, gradients, library, count
        self.is_value = True  # and not a gradient, of whatever order
        op = copy.copy(_foreign.op)
        op.name = name
        self._call = variadic_call(op)
        self.shapes: list[tuple[int, ...]] = []
        self._given: list[bool] | None = None  # for each input, whether there is a gradient

    def __call__(self, *xs: Tensor) -> Any:
        if self._given is None:
            self._given = self._has_gradients([np.array(x._array) for x in xs])
        packed = self._call(
            *[x if has_gradient else x.detach() for x, has_gradient in zip(xs, self._given, strict=True)], run=self
        )
        parts = self._outputs_in(packed)
        return parts[0] if len(parts) == 1 else parts

    def _outputs_in(self, packed: Any) -> list[Any]:
        """The outputs, or their gradients, in their shapes."""
        ends = np.cumsum([math.prod(shape) for shape in self.shapes])
        return [
            packed[end - math.prod(shape) : end].reshape(shape) for shape, end in zip(self.shapes, ends, strict=True)
        ]

    def value(self, arrays: Sequence[np.ndarray]) -> list[Any]:
        """The outputs as arrays."""
        outputs = self._called(self.f, arrays)
        for z in outputs:
            if not isinstance(z, np.ndarray) or z.dtype.kind not in "fiub":
                got = z.dtype if isinstance(z, np.ndarray) else type(z).__name__
                raise DTypeError(f"{self.name} must return real arrays, got {got}")
        self.shapes = [z.shape for z in outputs]
        return outputs

    def _called(self, function: Function, arrays: Sequence[np.ndarray]) -> list[Any]:
        """What a function gives. Where a gradient fails, the error is one of shapes if the library says so."""
        if function is self.f and self.is_value:
            return self.library.call(function, arrays)
        try:
            return self.library.call(function, arrays)
        except Failure:
            raise
        except Exception as error:
            kind = "wrong shape" if "shape" in str(error) else "error"
            raise Failure(kind, f"the gradient of {self.name} fails, {type(error).__name__}: {error}") from error

    def _has_gradients(self, arrays: Sequence[np.ndarray]) -> list[bool]:
        """For each input whether it gets a gradient. Where asking fails, they all do: the check says what is wrong."""
        if self.gradients is None:
            return [False] * self.count
        values = self.value(arrays)
        try:
            return [g is not None for g in self._slopes([*arrays, *[np.ones(z.shape, z.dtype) for z in values]])]
        except Failure:
            return [True] * self.count

    def _slopes(self, arrays: Sequence[np.ndarray]) -> list[Any]:
        """The gradients of the inputs, or None. Raises ``Failure`` for one of another shape or dtype."""
        slopes = self._called(self._counted, arrays)
        for number, (g, x) in enumerate(zip(slopes, arrays, strict=False)):
            if g is not None and g.shape != x.shape:
                raise Failure(
                    "wrong shape", f"{self.name} gave {g.shape} for the gradient of input {number}, {x.shape}"
                )
            if g is not None and g.dtype != x.dtype:
                raise Failure(
                    "wrong dtype", f"{self.name} gave {g.dtype} for the gradient of input {number}, {x.dtype}"
                )
        return slopes

    def _counted(self, *arrays: Any) -> list[Any]:
        """The gradients of the inputs, one for each."""
        gradients: Any = self.gradients  # without them no input has a gradient
        slopes = _several(gradients(*arrays))
        if len(slopes) != self.count:
            raise Failure("wrong shape", f"{self.name} gave {len(slopes)} gradients for {self.count} inputs")
        return slopes

    def pull(self, g: Any, xs: Sequence[Any], number: int) -> Any:
        """The gradient of one input: on Tensors by a function of the library again, so that it is recorded."""
        parts = self._outputs_in(g)
        if not isinstance(g, Tensor):
            return self._slopes([*map(np.asarray, xs), *parts])[number]
        return self.derivative(*xs, *parts)[number]

    def derivative(self, *tensors: Tensor) -> list[Any]:
        """All gradients, as a function of this library that is differentiated like this one."""
        count = len(tensors)
        again = self.library.pull and self.library.pull(self._all_gradients, count)
        function = _Foreign(f"the gradient of {self.name}", self._all_gradients, again, self.library, count)
        function.is_value = False
        return _several(function(*tensors))

    def _all_gradients(self, *arrays: Any) -> Any:
        """The gradients with zeros for those that are None."""
        return [0 * x if g is None else g for g, x in zip(self._counted(*arrays), arrays, strict=False)]


_foreign = primitive(
    lambda *xs, run: np.concatenate([z.ravel() for z in run.value(xs)]),
    lambda g, xs, i, run: run.pull(g, xs, i),
    name="function_of_another_library",
    doc="f(*xs) of another library, its outputs in one array",
)
