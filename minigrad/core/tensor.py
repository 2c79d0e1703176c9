"""``Tensor``: a NumPy array that remembers how it was computed.

Its operators and methods look up their op by name in the table; NumPy's two protocols send ``np.f(tensor)`` to the same
place. Nothing is calculated here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from minigrad.core import detachment
from minigrad.core.away import bring
from minigrad.core.batches import active, body, refuse_gradients
from minigrad.core.checks import is_flag
from minigrad.core.context import get_default_dtype, is_recording, keeping_leaves, mode, phase, recorder
from minigrad.core.conversion import as_array, as_data, detached
from minigrad.core.copying import Copies, check_copied
from minigrad.core.graph import Leaf, Node, uphill, walk
from minigrad.core.inplace import assign, copied, leaf_of, lend, seen, write_at
from minigrad.core.interchange import Interchange
from minigrad.core.iteration import rows
from minigrad.core.members import batches_made
from minigrad.core.memory import DETACHED, SHARED, share
from minigrad.core.methods import ArrayMethods
from minigrad.core.numpy_protocol import Protocols
from minigrad.core.operators import Operators, ops
from minigrad.core.reachability import is_constant
from minigrad.core.stands import Stand
from minigrad.core.views import Family, View, note_view
from minigrad.errors import DTypeError, GraphError, HyperparameterError, ScalarError, ShapeError
from minigrad.support.idioms import TENSOR, Count, refuse_keywords


class Tensor(Operators, ArrayMethods, Protocols, Interchange, Copies):
    """An n-dimensional array and, where a gradient is wanted, its place in the graph.

    ``data`` and ``grad`` are NumPy arrays. ``data`` keeps the dtype of a NumPy array; Python numbers and lists of them
    become the default dtype (float32 unless ``mg.set_default_dtype`` says otherwise; complex numbers those of its
    precision), so that they do not promote what they meet.

    >>> x = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> loss = (x * x).sum()
    >>> loss.backward()
    >>> x.grad
    array([2., 4., 6.], dtype=float32)

    Raises ``DTypeError`` for data that is not numeric, and for integers that require a gradient.
    """

    # A 0-d result stays the NumPy scalar that NumPy made of it: arithmetic on scalars is ten times
    # faster than on 0-d arrays. ``data`` turns it into an array when somebody looks.
    __slots__ = ("__weakref__", "_array", "_node", "_shared")

    _array: np.ndarray
    _node: Any
    _shared: View | Family | None  # how a view came to be, or who the views of a root are (minigrad.core.inplace)

    def __init__(self, data: Any, dtype: DTypeLike | None = None, requires_grad: bool = False) -> None:
        self._array = _data_of(data, dtype)
        self._node = self._shared = None
        if requires_grad:
            self._node = leaf_of(self, alone=True)
        if not isinstance(data, (list, tuple, int, float, complex)):  # what is learned owns its memory
            notes = DETACHED if isinstance(data, Tensor) else SHARED
            self._array = copied(self._array, "K") if requires_grad else share(self._array, notes)

    # -- what it is ---------------------------------------------------------------------------

    @property
    def data(self) -> np.ndarray:
        """The values, as an array to read and write outside the graph. Assigning replaces them."""
        return lend(self)  # type: ignore[no-any-return]

    @data.setter
    def data(self, value: ArrayLike) -> None:
        source = lend(value) if isinstance(value, Tensor) else detached(value)
        new = as_data(source, None if hasattr(value, "dtype") else self.dtype)
        share(new)
        assign(self, new)

    @property
    def grad(self) -> np.ndarray | None:
        """dL/d(this), of this tensor's shape and dtype, after ``L.backward()``; None before.

        Only tensors that the user made with ``requires_grad`` keep one. For a value in between, ask
        ``mg.autograd.grad(loss, value)``.
        """
        gradient = None
        if isinstance(self._node, Leaf):
            gradient, self._node.rows = self._node.grad, None  # who gets it may write to it
        recording = recorder() if type(gradient) is np.ndarray else None
        if recording is None:
            return gradient
        recording.see([self._node])  # it is from before the step, or a constant
        captured: np.ndarray = recording.capture(gradient)
        return captured

    @grad.setter
    def grad(self, value: ArrayLike | None) -> None:
        if not isinstance(self._node, Leaf):
            if value is None:  # as it is: a parameter that was frozen has none
                return
            raise GraphError("only a leaf has a .grad: make the tensor with requires_grad=True")
        recording = recorder()
        if recording is not None:
            recording.see([self._node])
        if (active() or body()) and value is not None:
            refuse_gradients({self._node: value})
        new = None if value is None else as_array(as_data(detached(value), self._node.dtype))
        if new is not None and new.shape != self._node.shape:
            raise ShapeError(f".grad has the tensor's shape: expected {self._node.shape}, got {new.shape}")
        self._node.grad, self._node.rows = new, None

    @property
    def requires_grad(self) -> bool:
        """Whether ``backward`` carries a gradient to this tensor or through it."""
        return self._node is not None

    @requires_grad.setter
    def requires_grad(self, flag: bool) -> None:
        self.requires_grad_(flag)

    @property
    def is_leaf(self) -> bool:
        """Whether the user made this tensor, rather than a recorded operation."""
        return not isinstance(self._node, Node)

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of each axis."""
        return self._array.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self._array.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return Count(self._array.size)

    @property
    def dtype(self) -> np.dtype:
        """The NumPy dtype of the elements."""
        return self._array.dtype

    @property
    def T(self) -> Tensor:
        """The transpose: all axes in reverse."""
        return ops["transpose"](self)

    # -- the graph ----------------------------------------------------------------------------

    def requires_grad_(self, flag: bool = True) -> Tensor:
        """Ask for the gradient of this tensor, or no longer; returns the tensor.

        Raises ``DTypeError`` unless it is of a floating dtype, ``GraphError`` for a computed tensor in a graph, and
        ``HyperparameterError`` where ``flag`` is not True or False.
        """
        if not is_flag(flag):
            raise HyperparameterError(f"requires_grad_: flag is True or False, got {flag!r}")
        if isinstance(self._node, Node):
            if not flag:
                raise GraphError("a computed tensor cannot leave its graph in place: write y = x.detach()")
        elif flag != (self._node is not None):
            keeper = keeping_leaves.get()
            if not flag:
                if keeper is not None:
                    keeper.freeze(self)
                self._node = None
            else:
                self._node = (keeper and keeper.release(self)) or leaf_of(self)
        return self

    def backward(self, gradient: ArrayLike | None = None, retain_graph: bool = False, create_graph: Any = None) -> None:
        """Add dL/dx to the ``grad`` of every leaf x that this tensor L was computed from.

        ``gradient`` is dL/d(this) for a tensor with more than one element, in its shape. The graph is freed on the way
        unless ``retain_graph``. When anything fails, no ``grad`` has changed. Raises ``GraphError`` without a graph,
        without a needed ``gradient``, on a freed graph, or when data that a formula needs has changed.
        """
        if create_graph is not None:
            refuse_keywords("backward", ["create_graph"])
        if self._node is None:
            raise GraphError(
                "backward() on a tensor that no gradient leads to: nothing it was computed from has requires_grad=True "
                "(of a frozen model, write model.requires_grad_(True)), or it was computed under no_grad(), or by a "
                "compiled function, whose results have no graph: compile the step that calls backward(), "
                "mg.compile(step)"
            )
        seeds = {self._node: self._seed(gradient)}
        if mode() is Node:
            gradients = walk(seeds, retain=retain_graph)
        else:
            with phase("backward"):
                gradients = walk(seeds, retain=retain_graph)
        if batches_made or body():
            refuse_gradients(gradients)
        bring(gradients)
        for leaf, g in gradients.items():
            own = g if leaf.dtype.kind == "f" else uphill(g)
            total = own if leaf.grad is None else leaf.grad + own
            leaf.grad = total if type(total) is _Array else as_array(total)  # a 0-d gradient is a scalar until here

    def _seed(self, gradient: ArrayLike | None) -> Any:
        """dL/d(this) as the walk carries it, of this shape and dtype: from ``gradient``, or 1 for a single element."""
        if gradient is None:
            if self.dtype.kind == "c":
                raise DTypeError("a loss is a real number, this tensor is complex: take its real, imag or abs first")
            if self._array.size != 1:
                raise GraphError(
                    f"backward() of a tensor of shape {self.shape} needs the gradient of a scalar with respect to "
                    "it: reduce it first, loss.mean().backward(), or pass gradient= of that shape"
                )
            # A scalar, like every 0-d value in the graph; np.ones takes a microsecond, and 0-d arrays are slow.
            return np.ones(self.shape, self.dtype) if self.shape else self.dtype.type(1)
        seed: Any = gradient._array if isinstance(gradient, Tensor) else gradient
        g: Any = as_data(seed, self.dtype) if isinstance(seed, Stand) else np.array(as_data(seed, self.dtype))
        if g.shape != self.shape:
            raise ShapeError(f"gradient= has the tensor's shape: expected {self.shape}, got {g.shape}")
        return uphill(g)

    def detach(self) -> Tensor:
        """The same data outside the graph. The memory is shared: an optimizer's step changes it here too."""
        tensor = wrap(self._array)
        if self._array.ndim:
            note_view(tensor, self, None, ())
        return tensor

    def zero_grad(self) -> None:
        """Forget the gradient: ``grad`` becomes None."""
        if isinstance(self._node, Leaf):
            self._node.grad = None

    # -- leaving for NumPy and Python ---------------------------------------------------------

    def numpy(self) -> np.ndarray:
        """The data as an array, not copied. Raises ``GraphError`` if it requires a gradient."""
        return self.__array__()

    to_numpy = numpy  # the name by which Matplotlib asks

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        if self._node is not None:
            raise detachment.refusal(detachment.ARRAY)
        if copy or (dtype is not None and dtype != self.dtype):
            return np.array(seen(self), dtype, copy=copy)
        data = self.data
        return data.__array__() if isinstance(data, Stand) else data  # which refuses

    @property
    def _mask(self) -> NoReturn:
        if self._node is None:  # for np.ma, a mask that is missing means that there is none
            raise AttributeError("a Tensor has no mask", name="_mask", obj=self)
        raise detachment.refusal(detachment.MASKED)

    mask = _mask  # np.ma.median asks for this one

    def item(self, *index: int) -> Any:
        """The only element, or that at ``index``, as a Python number (or bool). Raises ``ShapeError`` for several."""
        if index:
            return self._array.item(*index)
        if self._array.size != 1:
            raise ShapeError(
                f"only a tensor with one element is a number; this one has shape {self.shape}. For all elements, write "
                "np.sin(x) in place of math.sin(x), and x.tolist() in place of float(x)"
            )
        return self._array.item()

    def tolist(self) -> Any:
        """The data as nested lists of Python numbers. Raises ``GraphError`` in a function that is differentiated."""
        if is_recording() and not is_constant(self._node):
            detachment.refuse_inside(detachment.LISTED, self._node)
        return self._array.tolist()

    def __float__(self) -> float:
        return float(self._as_number())

    def __int__(self) -> int:
        return int(self._as_number())

    def __complex__(self) -> complex:
        return complex(self._as_number())

    def _as_number(self) -> Any:
        number = self.item()
        if (
            self._node is not None and recorder() is None and not is_constant(self._node)
        ):  # in a step float() is refused
            detachment.leaves_in_passing(detachment.NUMBER)
        return number

    def __index__(self) -> int:
        if self.dtype.kind not in "iu" or self.ndim:
            raise DTypeError(f"only an integer 0-d tensor is an index, got dtype {self.dtype}, shape {self.shape}")
        return int(self._array)

    def __bool__(self) -> bool:
        if self._array.size != 1:
            raise ShapeError(
                f"the truth of a tensor of shape {self.shape} is ambiguous: write (x > 0).any() or (x > 0).all()"
            )
        return bool(self._array.item())

    def __len__(self) -> int:
        if not self.ndim:
            raise ScalarError("a 0-d tensor has no length, and nothing to iterate over: write t.item() for its number")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return rows(self, len(self))

    def __repr__(self) -> str:
        data = self._array
        if getattr(data, "batch", None) is not None:  # inside of vmap
            return f"tensor({data!r}{', requires_grad=True' if self.requires_grad else ''})"
        values = np.array2string(np.asarray(data), separator=", ", prefix="tensor(")
        dtype = "" if self.dtype == get_default_dtype() else f", dtype={self.dtype}"
        origin = f", op={self._node.op.name}" if isinstance(self._node, Node) else ", requires_grad=True"
        return f"tensor({values}{dtype}{origin if self.requires_grad else ''})"

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else repr(self)

    def __reduce__(self) -> tuple[Callable[..., Tensor], tuple[Any, ...], Any]:
        check_copied(self)
        # Not by way of __init__: that of a subclass may take other arguments, and has attributes of its own.
        return _restored, (type(self), np.array(self._array), self.requires_grad), getattr(self, "__dict__", None)

    def __dir__(self) -> list[str]:
        """The names that work: not those that only say what to write instead."""
        refused = {*TENSOR, "fill", "mask", "partition", "put", "resize", "sort"}
        return [name for name in super().__dir__() if name not in refused]

    def __getitem__(self, index: Any) -> Tensor:
        return ops["getitem"](self, detached(index))

    def __setitem__(self, index: Any, value: Any) -> None:
        """Write in place, with NumPy's meaning: views of this tensor follow, and gradients go to ``value``.

        ``value`` broadcasts to what the index reads and is cast to this tensor's dtype. Raises ``GraphError`` for a
        tensor that requires a gradient itself, and where a tensor that shares the memory could not follow.
        """
        write_at(self, detached(index), value)


def _data_of(data: Any, dtype: DTypeLike | None) -> Any:
    if isinstance(data, Tensor):
        if data._node is not None:
            detachment.leaves_in_passing(detachment.COPY)
        data = data._array
    return as_data(data, dtype)


def wrap(data: Any, node: Any = None) -> Tensor:
    """A Tensor around the result of an op, as it is: the short way round ``__init__``."""
    tensor: Tensor = _new(Tensor)
    tensor._array = data
    tensor._node = node
    tensor._shared = None
    return tensor


def around(array: Any, requires_grad: bool = False) -> Tensor:
    """A Tensor around an array that nobody else has."""
    tensor = wrap(as_data(array))
    tensor._node = leaf_of(tensor, alone=True) if requires_grad else None
    return tensor


_new = object.__new__
_Array = np.ndarray


def _restored(kind: type[Tensor], data: np.ndarray, requires_grad: bool) -> Tensor:
    """A tensor out of a pickle, or a copy."""
    copy: Tensor = _new(kind)
    Tensor.__init__(copy, data, requires_grad=requires_grad)
    return copy


def tensor(data: Any, dtype: DTypeLike | None = None, requires_grad: bool = False, **foreign: Any) -> Tensor:
    """A Tensor of a copy of ``data`` (numbers, nested lists, an array, a Tensor).

    NumPy arrays keep their dtype; Python numbers and lists become the default dtype, bools stay
    bools. Raises ``DTypeError`` for data that is not numeric and for integers that require a
    gradient, ``ShapeError`` for ragged lists.

    >>> mg.tensor([[1, 2], [3, 4]])
    tensor([[1., 2.],
            [3., 4.]])
    """
    if foreign:
        refuse_keywords("tensor", foreign)
    return around(copied(_data_of(data, dtype)), requires_grad)
