"""``check_primitive``: every property that an op must have, on inputs drawn by Hypothesis."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy

from minigrad import autograd
from minigrad.core.table import Op, builtin, no_derivative, numpy_functions
from minigrad.core.tensor import Tensor, around, tensor
from minigrad.errors import GradientError
from minigrad.testing.gradients import GradientReport, check_gradients
from minigrad.testing.sample import EXAMPLE, Sample, corners, positional, samples


@dataclass(frozen=True)
class Certificate:
    """The certificate of ``check_primitive``: the op, the number of examples, the error for each order."""

    op: str
    examples: int
    properties: tuple[str, ...]
    errors: tuple[float, ...]
    methods: tuple[str, ...]

    def __str__(self) -> str:
        orders = [
            f"order {n} by {method} (at most {error:.0e} off)"
            for n, (method, error) in enumerate(zip(self.methods, self.errors, strict=True), 1)
        ]
        return f"{self.op}: {self.examples} examples passed: {', '.join([*orders, *self.properties])}"


RECORDED = "raw = recorded"

#: What every certificate says; what depends on the examples that were drawn comes after it.
ALWAYS = (
    "value",
    "adjoint identity",
    RECORDED,
    "zero gradient",
    "dtype",
    "float32",
    "purity",
    "own memory",
    "keeps its own",
)

#: Ways to find a derivative from the values, from the most to the least exact.
_METHODS = ("constant", "whole steps", "complex step", "differences")


class _Tally:
    """The traits of the examples of one run."""

    def __init__(self) -> None:
        self.examples = 0
        self.errors: dict[int, float] = {}
        self.methods: dict[int, int] = {}
        self.seen: set[str] = set()
        self.same_bits = True

    def add(self, sample: Sample, report: GradientReport) -> None:
        self.examples += 1
        self.same_bits &= report.same_bits
        for n, (error, method) in enumerate(zip(report.errors, report.methods, strict=True), 1):
            kind = method.partition(" of ")[0]
            self.errors[n] = max(error, self.errors.get(n, 0.0))
            self.methods[n] = max(_METHODS.index(kind), self.methods.get(n, 0))
        floats = [x for x in sample.arrays if x.dtype.kind == "f"]
        traits = {
            "broadcasting": len({x.shape for x in sample.arrays}) > 1,
            "0-d": any(x.ndim == 0 for x in floats),
            "empty": any(x.size == 0 for x in floats),
            "views": any(not x.flags.c_contiguous for x in floats),
        }
        self.seen |= {trait for trait, here in traits.items() if here}

    def certificate(self, name: str) -> Certificate:
        seen = [trait for trait in ("broadcasting", "0-d", "empty", "views") if trait in self.seen]
        orders = sorted(self.errors)
        methods = tuple(_METHODS[self.methods[n]] for n in orders)
        recorded = RECORDED if self.same_bits else f"{RECORDED} to 1e-12"
        traits = [recorded if trait == RECORDED else trait for trait in ALWAYS]
        return Certificate(name, self.examples, (*traits, *seen), tuple(self.errors[n] for n in orders), methods)


def check_primitive(
    op: Callable[..., Any],
    inputs: SearchStrategy[Any] | None = None,
    examples: int | None = None,
    derandomize: bool = False,
) -> Certificate:
    """Property-test one op, or one function made of ops; raises what the smallest failing example raised.

    In a test file, one line: ``def test_cube(): check_primitive(cube)``. Hypothesis draws shapes (0-d
    and empty among them), broadcasting, options, views and layouts of memory. Checked for each:

    - the value on Tensors is that on arrays, bit for bit, and on views that on contiguous arrays;
    - orders 1 and 2 agree with the values, by ``check_gradients``: a comparison along one direction u of the inputs and
      one weight v of the outputs, so the first is the adjoint identity <v, J u> = <J^T v, u>, exact for linear ops;
    - the recorded backward gives the numbers of the raw one, to the bit or, as the certificate then says, to 1e-12;
    - a zero gradient gives exactly zeros;
    - float64 and float32 stay what they are, in values and gradients;
    - nothing is written, neither the inputs nor the gradient that flows in;
    - gradients have the inputs' shapes, are writable and share no memory;
    - what is written into operands, options and results after the call does not change the gradient.

    Values are drawn from the op's ``domain``, so a kink inside it is a failure. ``inputs`` draws ``(arrays,
    options)`` for an op whose arguments do not simply broadcast together (or a ``Sample``, which also says
    how to call it); ``examples`` is the number drawn, by default that of Hypothesis' profile, and
    ``derandomize`` draws the same ones each time. Returns a ``Certificate``.

    >>> from minigrad.testing import check_primitive
    >>> cube = mg.primitive(lambda x: x**3, lambda g, x: 3 * g * x**2, name="cube", analytic=True)
    >>> certificate = check_primitive(cube, examples=10)
    >>> certificate.methods
    ('complex step', 'complex step')
    """
    tally = _Tally()
    drawn_from = samples(op) if inputs is None else inputs

    def check_one(drawn: Any) -> None:
        sample = Sample(*drawn)
        _check_value(op, sample)
        report = _check_gradients(op, sample)
        _check_ownership(op, sample)
        _check_float32(op, sample)
        _check_keeps_its_own(op, sample)
        tally.add(sample, report)

    @given(drawn_from)
    def check(drawn: Any) -> None:
        check_one(drawn)

    quiet = [HealthCheck.too_slow, HealthCheck.data_too_large]
    chosen: dict[str, Any] = {} if examples is None else {"max_examples": examples}
    if derandomize:
        chosen.update(derandomize=True, database=None)
    try:
        settings(deadline=None, report_multiple_bugs=False, suppress_health_check=quiet, **chosen)(check)()
    except ValueError as error:  # of an own op it is NumPy's
        if inputs is None:
            error.add_note(
                f"check_primitive drew arrays that broadcast together for {op.__name__}; if it wants others, say which "
                f"with inputs=: {EXAMPLE}"
            )
        raise
    if inputs is None:
        for sample in corners(op):  # whatever was drawn, these were among it
            check_one(sample)
    return tally.certificate(op.__name__)


def _differentiable(op: Callable[..., Any], sample: Sample) -> list[bool]:
    """Which of the arrays have a gradient: those of floats, unless the op has no formula for them."""
    floats = [x.dtype.kind == "f" for x in sample.arrays]
    row = getattr(op, "op", None)
    if not isinstance(row, Op) or row.variadic or sample.call is not positional:
        return floats
    return [flag and formula not in (None, no_derivative) for flag, formula in zip(floats, row.formulas, strict=True)]


def _outputs(z: Any) -> list[Any]:
    """The results of a function as a list, without plain answers (indices, signs)."""
    return [part for part in (z if isinstance(z, (tuple, list)) else [z]) if isinstance(part, (Tensor, np.ndarray))]


def _check_value(op: Callable[..., Any], sample: Sample) -> None:
    """On Tensors the same bits as on arrays, in the same dtype, and nothing written."""
    arrays, options, call = sample
    before = [x.copy() for x in arrays]
    # A 0-d tensor holds a scalar, and NumPy rounds powers of scalars otherwise than of 0-d arrays. Ours give both the
    # same bits; an op of the user's need not.
    plain = arrays if op.__name__ in builtin else [x[()] for x in arrays]
    results = call(op, plain, options)
    want = [np.asarray(z) for z in (results if isinstance(results, (tuple, list)) else [results])]
    xs = [around(x, requires_grad=True) if d else x for x, d in zip(arrays, _differentiable(op, sample), strict=True)]
    results = call(op, xs, options)
    got = list(results) if isinstance(results, (tuple, list)) else [results]
    for z, expected in zip(got, want, strict=True):
        values = z._array if isinstance(z, Tensor) else np.asarray(z)
        _equal(values, expected, f"{op.__name__} of Tensors gave other bits than of arrays")
        if values.dtype != expected.dtype:
            raise GradientError(f"{op.__name__} of Tensors gave {values.dtype}, of arrays {expected.dtype}")
    for number, (x, unchanged) in enumerate(zip(arrays, before, strict=True)):
        _equal(x, unchanged, f"{op.__name__} wrote into argument {number}")
    if all(x.flags.c_contiguous for x in arrays):
        return
    results = call(op, [np.ascontiguousarray(x) if x.ndim else x for x in arrays], options)
    contiguous = results if isinstance(results, (tuple, list)) else [results]
    for z, expected in zip(contiguous, want, strict=True):
        if not np.allclose(z, expected, rtol=1e-10, atol=1e-12, equal_nan=True):
            raise GradientError(f"{op.__name__} of a view gave other values than of a contiguous array")


def _check_gradients(op: Callable[..., Any], sample: Sample) -> GradientReport:
    flags = _differentiable(op, sample)

    def f(*xs: Any) -> Any:
        given_ = iter(xs)
        arguments = [next(given_) if flag else x for x, flag in zip(sample.arrays, flags, strict=True)]
        return [z for z in _outputs(sample.call(op, arguments, sample.options)) if isinstance(z, Tensor)]

    return check_gradients(f, *[x for x, flag in zip(sample.arrays, flags, strict=True) if flag])


def _check_ownership(op: Callable[..., Any], sample: Sample) -> None:
    """A leaf's gradient is a writable array of its shape and dtype that shares memory with nothing."""
    flags = _differentiable(op, sample)
    xs = [tensor(x, requires_grad=True) if flag else x for x, flag in zip(sample.arrays, flags, strict=True)]
    leaves = [x for x in xs if isinstance(x, Tensor)]
    for z in _outputs(sample.call(op, xs, sample.options)):
        if not isinstance(z, Tensor) or not z.requires_grad:
            continue
        seed = np.random.default_rng(0).standard_normal(z.shape)
        unchanged = seed.copy()
        for x in leaves:
            x.zero_grad()
        z.backward(seed, retain_graph=True)
        _equal(seed, unchanged, f"the gradient of {op.__name__} wrote into the gradient that flowed in")
        others = [seed, z.data, *[y.data for y in leaves]]
        for number, x in enumerate(leaves):
            if x.grad is not None:
                grads = [y.grad for y in leaves if y is not x and y.grad is not None]
                _check_owned(f"argument {number} of {op.__name__}", x, [*others, *grads])


def _check_owned(what: str, x: Tensor, others: list[np.ndarray]) -> None:
    g = x.grad
    if g is None or g.shape != x.shape or g.dtype != x.dtype or not g.flags.writeable:
        raise GradientError(f"{what}: expected a writable gradient of shape {x.shape}, got {g!r:.200}")
    if any(np.shares_memory(g, other) for other in others):
        raise GradientError(f"the gradient of {what} shares memory with another array")


def _check_keeps_its_own(op: Callable[..., Any], sample: Sample) -> None:
    """Writing to the arguments between the call and the backward pass does not change the gradient."""
    flags = _differentiable(op, sample)
    if not any(flags):
        return

    def gradients(alone: bool, spoil: bool) -> list[Any]:
        arrays, options = copy.deepcopy((sample.arrays, sample.options))
        first = flags.index(True)
        leaves = {
            i: tensor(x, requires_grad=True) for i, x in enumerate(arrays) if flags[i] and (i == first or not alone)
        }
        xs = [leaves[i] * 1 if i in leaves else x for i, x in enumerate(arrays)]
        outputs = [z for z in _outputs(sample.call(op, xs, options)) if isinstance(z, Tensor) and z.requires_grad]
        seeds = [np.random.default_rng(0).standard_normal(z.shape).astype(z.dtype) for z in outputs]
        if spoil:
            for x in (*xs, *outputs, *options.values()):
                _spoil(x.data if isinstance(x, Tensor) else x)
        slopes = autograd.grad(outputs, [*leaves.values()], seeds, allow_unused=True) if outputs else []
        return [np.zeros((), np.float64) if g is None else g._array for g in slopes]

    for alone in {False, sum(flags) > 1}:
        for number, (got, want) in enumerate(zip(gradients(alone, True), gradients(alone, False), strict=True)):
            what = f"the gradient of {op.__name__} changes with what is written after the call (argument {number})"
            _equal(np.asarray(got), np.asarray(want), what)


def _spoil(value: Any) -> None:
    """Write other numbers into the arrays and lists of an operand or option."""
    if isinstance(value, (tuple, list)):
        for item in value:
            _spoil(item)
        if isinstance(value, list):
            value.clear()
    elif isinstance(value, np.ndarray) and value.flags.writeable:
        value[...] = (
            ~value if value.dtype.kind == "b" else np.nan if value.dtype.kind in "fc" else np.iinfo(value.dtype).max
        )


def _check_float32(op: Callable[..., Any], sample: Sample) -> None:
    """float32 in, float32 (or complex64) out and float32 gradients, near those of float64.

    The values of a function that NumPy itself knows in float64 alone (``np.float_power``) are of float64.
    """
    flags = _differentiable(op, sample)

    def gradients(dtype: type[np.floating]) -> tuple[list[Any], list[Any]]:
        chosen = {**sample.options, **({"dtype": dtype} if "dtype" in sample.options else {})}
        xs = [
            around(x.astype(dtype), requires_grad=True) if d else x for x, d in zip(sample.arrays, flags, strict=True)
        ]
        outputs = [z for z in _outputs(sample.call(op, xs, chosen)) if isinstance(z, Tensor)]
        leaves = [x for x in xs if isinstance(x, Tensor)]
        seeds = [np.ones(z.shape, z.dtype) for z in outputs]
        return outputs, autograd.grad(outputs, leaves, seeds, allow_unused=True)

    z, got = gradients(np.float32)
    exact, want = gradients(np.float64)
    named = [*[("a value", *pair) for pair in zip(z, exact, strict=True)]]
    named += [("a gradient", *pair) for pair in zip(got, want, strict=True) if pair[0] is not None]
    for what, a, b in named:
        if a.dtype not in (np.float32, np.complex64) and not (what == "a value" and _is_double(op)):
            raise GradientError(f"{what} of {op.__name__} of float32 is {a.dtype}: a constant or a cast promotes it")
        scale = float(np.max(np.abs(b.data), initial=1.0))
        if not np.allclose(a.data, b.data, rtol=1e-3, atol=1e-4 * scale, equal_nan=True):
            raise GradientError(f"{what} of {op.__name__} in float32 is far from that in float64")


def _is_double(op: Callable[..., Any]) -> bool:
    """Whether it stands for a ufunc that has no loop for float32."""
    ufuncs = [f for f, known in numpy_functions.items() if known is op and isinstance(f, np.ufunc)]
    return any(not any("f" in loop for loop in ufunc.types) for ufunc in ufuncs)


def _equal(got: np.ndarray, want: np.ndarray, message: str) -> None:
    if got.shape != want.shape or not np.array_equal(got, want, equal_nan=True):
        raise GradientError(f"{message}: {got!r:.200} and {want!r:.200}")
