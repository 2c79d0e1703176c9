"""The forms of calls run by Python: the texts of kernels as they are, beside what NumPy's function gives."""

import math

import numpy as np

from minigrad.compiler.c import forms
from minigrad.compiler.c.form import Form
from minigrad.compiler.c.kinds import OF_DTYPE, kind_of
from minigrad.compiler.c.places import Block, Place
from minigrad.compiler.c.products import Product
from minigrad.compiler.c.sketch import Sketch
from minigrad.compiler.program import CAPTURE, RESULT, Call, Value
from minigrad.core.trees import flat, mapped_all
from tests.compiler.backends.interpreting import NAMES

_DTYPES = {kind.name: np.dtype(name) for name, kind in OF_DTYPE.items()}
_SPACE = dict(NAMES) | {
    **{name: dtype.type for name, dtype in _DTYPES.items()},
    **{f"c_{f.__name__.replace('arc', 'a')}": f for f in (np.sin, np.cos, np.arctan2, np.exp2, np.log2, np.trunc)},
    "index": int, "math": math, "whole_power": np.power, "divide_floor": np.floor_divide, "fmod_floor": np.remainder,
    "c_pow": np.power, "c_hypot": np.hypot, "c_fmax": np.fmax, "c_fmin": np.fmin, "c_erf": np.vectorize(math.erf),
    "c_erfc": np.vectorize(math.erfc),
}  # fmt: skip


class _From:
    """A block from an element on: elements before it have negative numbers."""

    def __init__(self, array, start):
        self.array, self.start = array, start

    def __getitem__(self, k):
        assert 0 <= self.start + k < len(self.array)
        return self.array[self.start + k]

    def __setitem__(self, k, x):
        assert 0 <= self.start + k < len(self.array)
        self.array[self.start + k] = x


class Interpreter:
    """Memory for the values of one call."""

    def __init__(self):
        self.memory, self.places = {}, {}

    def value(self, array):
        """A value that holds this array, in its layout."""
        array = np.asarray(array)
        made = Value(len(self.places), CAPTURE, array, array)
        made.name = "given" * (array.dtype != bool)  # an index of bools must be a constant
        span = array if array.flags.c_contiguous else np.ascontiguousarray(array)
        self._put(made, span)
        return made

    def _put(self, value, array):
        block = Block(kind_of(array.dtype), array.size)
        self.memory[block] = array.reshape(-1).copy()
        strides = [0 if n == 1 else s // array.itemsize for n, s in zip(array.shape, array.strides, strict=True)]
        self.places[value] = Place(block, 0, array.shape, tuple(strides))

    def temporary(self, kind, size):
        block = Block(kind, max(size, 1))
        self.memory[block] = np.full(max(size, 1), 77).astype(_DTYPES[kind.name])
        return block

    def constant(self, array):
        value = self.value(array)
        return self.places[value]

    def made(self, function, args, kwargs, like):
        """Whether a call has a form, which is run; ``results`` are what it gives, ``first`` is its first argument."""
        given, options = mapped_all(lambda x: self.value(x) if isinstance(x, np.ndarray) else x, (args, kwargs))
        results = []
        for sample in like:
            array = np.asarray(sample)
            results.append(Value(len(self.places), RESULT, array if isinstance(sample, np.ndarray) else sample))
            self._put(results[-1], np.full(array.shape, 77).astype(array.dtype))
        form = Form(self.places.__getitem__, self.constant, self.temporary)
        self.results, self.first = results, given[0]
        if not forms.made(Call(function, given, options, results, [] if like else [given[0]]), form):
            return False
        with np.errstate(all="ignore"):
            for item in form.made:
                self._one(item)
        return True

    def run(self, function, args, kwargs, like):
        """The results of a call whose results look like these; what is written into the first argument, without."""
        assert self.made(function, args, kwargs, like)
        return [self._read(self.places[value]) for value in self.results or [self.first]]

    def _one(self, item):
        if isinstance(item, Product):
            x, w, z = (self._array(place) for place in item.places)
            z[...] = x @ w
            return
        space = dict(_SPACE)
        text, given = item.text() if isinstance(item, Sketch) else item
        exec(text, space)
        arguments = [
            x if isinstance(x, int) else _From(self.memory[x.block].view(_DTYPES[x.kind.name]), x.start) for x in given
        ]
        space["kernel"](*arguments)

    def _array(self, place):
        whole = self.memory[place.block]
        steps = tuple(s * whole.itemsize for s in place.strides)
        return np.lib.stride_tricks.as_strided(whole[place.start :], place.shape, steps)

    def _read(self, place):
        return self._array(place).copy()


def agrees(function, *args, digits=1e-10, **kwargs):
    """The form of a call gives what the function gives."""
    plain = getattr(function, "__wrapped__", function)
    with np.errstate(all="ignore"):
        if isinstance(function, str):
            expected = getattr(args[0], function[1:])(*args[1:], **kwargs)
        else:
            expected = plain(*[x.copy() if isinstance(x, np.ndarray) else x for x in args], **kwargs)
    expected = [*flat(expected)]
    made = Interpreter().run(function, args, kwargs, expected)
    for one, other in zip(made, expected, strict=True):
        other = np.asarray(other)  # noqa: PLW2901 - a scalar
        assert one.shape == other.shape
        assert one.dtype == other.dtype
        if other.dtype.kind == "f":
            np.testing.assert_allclose(one, other, digits, digits)
        else:
            np.testing.assert_array_equal(one, other)


def writes(function, target, *args, name=None, digits=1e-12, **kwargs):
    """The form of a call writes into its first argument what the function writes."""
    expected = target.copy()
    function(expected, *args, **kwargs)
    (made,) = Interpreter().run(name or function, (target, *args), kwargs, [])
    np.testing.assert_allclose(made, expected, digits)
