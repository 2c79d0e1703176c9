"""Memory on the device, and the places that lead to it.

Memory whose holders are all known (tensors, an optimizer's flat arrays, averages, values of programs) is *lodged* on
the device: the arrays are taken out of all these places, and whoever looks at one of them brings it home, see
``minigrad.core.away``. An array that lives on after that is held by somebody else, who would see old numbers. Then it
is put back into its places, and what a run writes is copied into it in each call.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from threading import RLock
from typing import Any, NamedTuple

import jax
import numpy as np

from minigrad.compiler.arena import address_of
from minigrad.compiler.program import Program, Value
from minigrad.core import away
from minigrad.core.graph import Leaf
from minigrad.core.memory import DETACHED, SHARED, owner, share
from minigrad.core.tensor import Tensor
from minigrad.nn.parameter import Buffer, Parameter
from minigrad.support.forking import whole_at_fork

#: One thread at a time runs a program on JAX, or brings arrays home.
LOCK = whole_at_fork(RLock())

#: Puts a vector on the device, as a copy.
Put = Callable[[np.ndarray], Any]

#: A run that has begun: what takes its results, and the list that they come into, in one step of Python.
UNDER_WAY: list[tuple[Callable[[Any], None], list[Any]]] = []

#: The kinds of tensors that can be away.
_KINDS = (Tensor, Parameter, Buffer)

_data = Tensor.__dict__["_array"]
_gradient = Leaf.__dict__["grad"]
_origin = Value.__dict__["origin"]


class View(NamedTuple):
    """How an array lies in its memory, counted in bytes."""

    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: Any
    writeable: bool

    def of(self, memory: np.ndarray) -> np.ndarray:
        """The array."""
        view: np.ndarray = np.ndarray(self.shape, self.dtype, memory, self.offset, self.strides)
        view.flags.writeable = self.writeable
        return view


def view_in(array: np.ndarray, memory: np.ndarray) -> View:
    """How an array lies in memory that holds it."""
    offset = address_of(array) - address_of(memory)
    return View(offset, array.shape, array.strides, array.dtype, array.flags.writeable)


class Memory:
    """One array with all that is a view of it; on the device it is in pieces, of a parameter each."""

    def __init__(self, array: np.ndarray) -> None:
        self.shape, self.dtype, self.size = array.shape, array.dtype, array.size
        self.cuts: list[slice] = [slice(0, array.size)]
        self.pieces: list[Any] = []  # what is on the device
        self.array: Callable[[], np.ndarray | None] = weakref.ref(array)
        self.fetched: np.ndarray | None = None  # while it is laid into its places
        self.shared: list[Any] = []  # the notes of who else has it: SHARED, DETACHED

    @property
    def nbytes(self) -> int:
        """The bytes of all."""
        return self.size * int(self.dtype.itemsize)

    def samples(self) -> list[Any]:
        """What the pieces look like."""
        return [jax.ShapeDtypeStruct((cut.stop - cut.start,), self.dtype) for cut in self.cuts]

    def upload(self, put: Put) -> None:
        """Copy what is at home to the device."""
        array = self.array()
        if array is None:
            raise RuntimeError("memory at home is held by its places")
        self.shared = [among for among in (SHARED, DETACHED) if id(array) in among]
        vector = array.reshape(-1)
        self.pieces = [put(vector[cut]) for cut in self.cuts]

    def download(self) -> None:
        """Copy what is on the device into the array at home."""
        array = self.array()
        if array is not None:
            vector = array.reshape(-1)
            for cut, piece in zip(self.cuts, self.pieces, strict=True):
                vector[cut] = np.asarray(piece)

    def fetch(self) -> np.ndarray:
        """The array at home, a new one where it is away."""
        array = self.array()
        if array is None:
            self.fetched = array = np.empty(self.shape, self.dtype)
            self.array = weakref.ref(array)
            self.download()
            for among in self.shared:
                share(array, among)
        return array


class Lodging:
    """Memories that go and come together, and the places that lead to them."""

    def __init__(self, memories: list[np.ndarray], keeper: Any) -> None:
        self.memories = [Memory(array) for array in memories]
        self.keeper = (lambda: None) if keeper is None else weakref.ref(keeper)
        self.is_away = self.is_over = False
        self.put: Any = None
        self.gradients: dict[Leaf, Any] = {}  # on the device, of leaves whose slot is empty
        self.leaves: dict[Leaf, None] = {}
        self._tensors: list[list[Any]] = []  # weak reference, memory, view, weak reference to the array
        self._values: list[tuple[Any, Memory, View]] = []
        self._classes: dict[type, type] = {}
        for memory in self.memories:
            memory.cuts = getattr(keeper, "pieces", memory.cuts)
        away.LODGINGS.add(self)

    # -- places -------------------------------------------------------------------------------

    def add_tensor(self, tensor: Any, memory: Memory, root: np.ndarray) -> None:
        """A tensor whose data lie in one of the memories."""
        if not any(place[0]() is tensor for place in self._tensors):
            array = tensor._array
            self._tensors.append([weakref.ref(tensor), memory, view_in(array, root), weakref.ref(array)])
            if isinstance(tensor._node, Leaf):
                self.leaves[tensor._node] = None

    def add_value(self, value: Value, memory: Memory, root: np.ndarray) -> None:
        """A captured value of a program."""
        self._values.append((weakref.ref(value), memory, view_in(value.origin, root)))

    # -- going and coming ---------------------------------------------------------------------

    def fits(self) -> bool:
        """Whether all is as it was noted: nobody has put other arrays in the places."""
        if self.is_over:
            return False
        if self.is_away:
            return True
        with LOCK:
            for place in self._tensors:
                tensor = place[0]()
                if tensor is not None and not self.is_away and tensor._array is not place[3]():
                    self.is_over = True
            keeper = self.keeper()
            if keeper is not None and not self.is_away:
                memories = keeper.kept()  # an optimizer that remembers more as it goes, as LBFGS does
                if [*map(id, memories)] != [id(memory.array()) for memory in self.memories]:
                    self.is_over = True
        return not self.is_over

    def go(self, put: Put) -> bool:
        """Move to the device; answers False where somebody else holds an array, and all is at home."""
        self.put = None  # where it is interrupted, the next run begins anew
        for memory in self.memories:
            memory.upload(put)
        self.is_away = True
        for place in self._tensors:
            tensor = place[0]()
            if tensor is not None:
                kind = type(tensor)
                away.set_class(tensor, self._class_of(kind, ("_array", "grad")))
                _data.__delete__(tensor)
        for reference, _, _ in self._values:
            value = reference()
            if value is not None and type(value) is Value:
                away.set_class(value, self._class_of(Value, ("origin",)))
                _origin.__delete__(value)
        keeper = self.keeper()
        if keeper is not None:
            kind = type(keeper)
            away.set_class(keeper, self._class_of(kind, kind.KEPT))
            for name in kind.KEPT:
                vars(keeper).pop(name, None)
        if any(memory.array() is not None for memory in self.memories):
            self.come_home()
            return False
        self.put = put
        return True

    def take_gradient(self, leaf: Leaf, gradient: Any) -> None:
        """A gradient that stays on the device until somebody looks."""
        if leaf not in self.gradients:
            away.GRADIENTS[id(leaf)] = self
        self.gradients[leaf] = gradient
        if has_gradient_here(leaf):
            del leaf.grad

    def _class_of(self, kind: type, names: tuple[str, ...]) -> type:
        if kind not in self._classes:
            members = getattr(kind, "AWAY", {})
            self._classes[kind] = away.class_away(kind, names, self, **members)
        return self._classes[kind]

    def come_home(self) -> None:
        """Everything in its place again. If it is interrupted, the next one goes on."""
        if not self.is_away:
            return
        with LOCK:
            if not self.is_away:
                return
            settle()
            self.put = None
            arrays = {memory: memory.fetch() for memory in self.memories}
            kinds = {number: kind for kind, number in self._classes.items()}
            for place in self._tensors:
                reference, memory, view, known = place
                tensor = reference()
                if tensor is not None and type(tensor) in kinds:
                    array = known()
                    if array is None:
                        array = view.of(arrays[memory])
                        place[3] = weakref.ref(array)
                    _data.__set__(tensor, array)
                    away.set_class(tensor, kinds[type(tensor)])
            for held_value, memory, view in self._values:
                value = held_value()
                if value is not None and type(value) in kinds:
                    _origin.__set__(value, view.of(arrays[memory]))
                    away.set_class(value, Value)
            keeper = self.keeper()
            if keeper is not None and type(keeper) in kinds:
                keeper.take([arrays[memory] for memory in self.memories])
                away.set_class(keeper, kinds[type(keeper)])
                away.keep(keeper)
            for leaf, gradient in self.gradients.items():
                if not has_gradient_here(leaf):
                    leaf.grad = np.array(gradient)
                away.GRADIENTS.pop(id(leaf), None)
            self.gradients.clear()
            self.is_away = False
            for memory in self.memories:
                memory.fetched = None


def lodging_of(root: np.ndarray, program: Program) -> Lodging | None:
    """What holds a memory whose holders are known: one that is there, or a new one."""
    for lodging in list(away.LODGINGS):
        if any(memory.array() is root for memory in lodging.memories):
            if lodging.fits():
                known: Lodging = lodging
                return known
            away.LODGINGS.discard(lodging)
    keeper = away.keeper_of(root)
    memories = [root] if keeper is None else keeper.kept()
    tensors = [*(() if keeper is None else keeper.tensors()), *[tensor for tensor, _, _ in program.tensors]]
    own = [
        (tensor, array)
        for tensor in tensors
        if type(tensor) in _KINDS and any(owner(tensor._array) is array for array in memories)
        for array in memories
        if owner(tensor._array) is array
    ]
    if (not own and keeper is None) or not all(map(_is_plain, memories)):
        return None
    lodging = Lodging(memories, keeper)
    for tensor, array in own:
        lodging.add_tensor(tensor, lodging.memories[[x is array for x in memories].index(True)], array)
    return lodging


def _is_plain(array: Any) -> bool:
    """Whether an array owns its memory, has it in C order, and may be written."""
    flags = array.flags
    return type(array) is np.ndarray and array.base is None and flags.c_contiguous and flags.writeable


def gradient_of(leaf: Leaf) -> Any:
    """The gradient, on the device if it is there."""
    lodging = away.GRADIENTS.get(id(leaf))
    return leaf.grad if lodging is None or has_gradient_here(leaf) else lodging.gradients[leaf]


def has_gradient_here(leaf: Leaf) -> bool:
    """Whether the slot of a leaf is not empty."""
    try:
        _gradient.__get__(leaf)
    except AttributeError:
        return False
    return True


def settle() -> None:
    """Take what the latest run has given, where it was interrupted."""
    while UNDER_WAY:
        take, box = UNDER_WAY[-1]
        if box:
            take(box[0])
        UNDER_WAY.pop()
