"""No gradient disappears in silence: every way that Python and NumPy have from a tensor to a number."""

import array
import cmath
import contextlib
import copy
import ctypes
import gc
import math
import pickle
import statistics
import struct
import warnings
import weakref

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import DetachWarning, GraphError


def written(kind, write):
    """A way: an array of zeros that is written to."""

    def way(t):
        target = np.zeros(2, kind)
        write(target, t)
        return target

    return way


def scipy(name):
    return pytest.importorskip(f"scipy.{name}")


def frame(write):
    def way(t):
        table = pytest.importorskip("pandas").DataFrame({"a": [1.0, 2.0]})
        write(table, t)
        return table

    return way


WAYS = {
    "float": float,
    "int": int,
    "complex": complex,
    "math.floor": math.floor,
    "math.ceil": math.ceil,
    "math.exp": math.exp,
    "math.pow": lambda t: math.pow(t, 2),
    "math.hypot": lambda t: math.hypot(1, t),
    "math.dist": lambda t: math.dist([t], [1]),
    "math.fsum": lambda t: math.fsum([t, t]),
    "math.isnan": math.isnan,
    "cmath.exp": cmath.exp,
    "cmath.phase": cmath.phase,
    "statistics.fmean": lambda t: statistics.fmean([t, t]),
    "array.array": lambda t: array.array("d", [t]),
    "struct.pack": lambda t: struct.pack("d", t),
    "ctypes": ctypes.c_double,
    "percent": lambda t: "%.3f" % t,  # noqa: UP031 - what is tested
    "percent d": lambda t: "%d" % t,  # noqa: UP031
    "np.float64": np.float64,
    "np.fromiter": lambda t: np.fromiter([t, t], float),
    "np.vectorize": lambda t: np.vectorize(lambda i: i * t, otypes=[float])([1.0, 2.0]),
    "objects": lambda t: np.frompyfunc(lambda _: t, 1, 1)(np.arange(2)).astype(float),
    "np.rec": lambda t: np.rec.array([(t,)], dtype=[("x", "f8")]),
    "a[i] = t": written(float, lambda a, t: a.__setitem__(0, t)),
    "a[i] = t, integer": written(int, lambda a, t: a.__setitem__(0, t)),
    "a[i] = t, complex": written(complex, lambda a, t: a.__setitem__(0, t)),
    "a[i] = t, record": written([("x", "f8")], lambda a, t: a.__setitem__(0, (t,))),
    "a[i] += t": written(float, lambda a, t: a.__setitem__(0, a[0] + t)),
    "a.flat": written(float, lambda a, t: a.flat.__setitem__(0, t)),
    "a.fill": written(float, lambda a, t: a.fill(t)),
    "df.loc": frame(lambda df, t: df.loc.__setitem__((0, "a"), t)),
    "df.at": frame(lambda df, t: df.at.__setitem__((0, "a"), t)),
    "df.iat": frame(lambda df, t: df.iat.__setitem__((0, 0), t)),
    "quad": lambda t: scipy("integrate").quad(lambda x: x * t, 0, 1),
    "brentq": lambda t: scipy("optimize").brentq(lambda x: x - t, -5, 5),
}

LIBRARIES = {"df.loc", "df.at", "df.iat", "quad", "brentq"}

#: Where the message names what asks, and has another thing to write there.
NAMED = {
    "np.vectorize": r"np\.vectorize takes plain arrays alone; write mg\.vmap",
    "quad": r"scipy\.integrate\.quad .*write mg\.integrate",
    "brentq": r"scipy\.optimize\.brentq .*mg\.implicit\.root",
    "minimize": r"scipy\.optimize\.minimize .*mg\.implicit\.argmin",
    "least_squares": r"scipy\.optimize\.least_squares .*mg\.implicit",
    "solve_ivp": r"scipy\.integrate\.solve_ivp .*write mg\.odeint",
    "np.full": r"np\.full .*write mg\.full",
    "np.apply_along_axis": r"np\.apply_along_axis .*mg\.stack",
    "df.loc": r"pandas\..* takes plain arrays alone; .*mg\.stack",
}

#: What would become an array: refused everywhere.
ARRAYS = {
    "np.asarray": np.asarray,
    "np.array": lambda t: np.array([t, 1.0]),
    "np.float32": np.float32,
    "np.complex128": np.complex128,
    "np.full": lambda t: np.full(2, t),
    "np.random": lambda t: np.random.default_rng(0).normal(t, 1),
    "np.apply_along_axis": lambda t: np.apply_along_axis(lambda x: x.sum() * t, 0, np.ones((2, 2))),
    "a[:] = t": written(float, lambda a, t: a.__setitem__(slice(None), t)),
    "a[mask] = t": written(float, lambda a, t: a.__setitem__(a == 0, t)),
    "a[:] = [t, t]": written(float, lambda a, t: a.__setitem__(slice(None), [t, t])),
    "a.put": written(float, lambda a, t: a.put(0, t)),
    "fill_diagonal": lambda t: np.fill_diagonal(np.zeros((2, 2)), t),
    "np.place": written(float, lambda a, t: np.place(a, [True, False], [t])),
    "minimize": lambda t: scipy("optimize").minimize(lambda x: (x[0] - t) ** 2, [0.0]),
    "solve_ivp": lambda t: scipy("integrate").solve_ivp(lambda _, y: [y[0] * t], (0, 1), [1.0]),
    "least_squares": lambda t: scipy("optimize").least_squares(lambda x: [x[0] - t], [0.0]),
}

#: Leaving on purpose, looking and printing.
SILENT = {
    "item": lambda t: t.item(),
    "data": lambda t: float(t.data),
    "bool": bool,
    "comparison": lambda t: (t < 1, t == 2, max(t, 1.0), sorted([t, 1.0])),
    "f-string": lambda t: f"{t:.3f} {t}",
    "format": lambda t: "{:.3g}".format(t),  # noqa: UP032 - what is tested
    "str": str,
    "repr": repr,
    "print": lambda t: print(t, file=None),
    "hash": hash,
}


def tensor():
    x = mg.tensor([1.5, 0.8], requires_grad=True)
    return x[0] * x[1]


@pytest.mark.parametrize("way", WAYS)
def test_a_number_is_refused_where_a_function_is_differentiated(way):
    for transform in (mg.grad, mg.jacobian, lambda f: lambda x: mg.jvp(f, (x,), (x,))):
        says = NAMED.get(way, r"mg\.stack.*mg\.zeros\(n, t\.dtype\)")
        with pytest.raises(GraphError, match=rf"inside a function.*{says}.*[tx]\.item\(\)"):
            transform(lambda x: WAYS[way](x[0] * x[1]) and x.sum())(np.array([1.5, 0.8]))


@pytest.mark.parametrize("way", WAYS)
def test_a_number_is_told_once_for_each_line(way):
    def line(t):
        return WAYS[way](t)

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default")
        first = line(tensor())
        line(tensor())
    assert {(w.category, w.filename) for w in told} == {(DetachWarning, __file__)}
    assert len({w.lineno for w in told}) == 1
    # A library that uses catch_warnings makes Python forget what it has shown.
    assert len(told) == 1 or way in LIBRARIES
    assert ".item()" in str(told[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with mg.no_grad():
            assert str(WAYS[way](tensor())) == str(first)
        assert str(WAYS[way](tensor().detach())) == str(first)


@pytest.mark.parametrize("way", WAYS)
def test_a_number_is_refused_under_detect_anomaly(way):
    with pytest.raises(GraphError, match=r"inside detect_anomaly\(\)"), mg.detect_anomaly():
        WAYS[way](tensor())


@pytest.mark.parametrize("way", ARRAYS)
def test_an_array_is_refused_everywhere(way):
    with pytest.raises(GraphError, match=NAMED.get(way, r"mg\.stack")):
        mg.grad(lambda x: ARRAYS[way](x[0] * x[1]) and x.sum())(np.array([1.5, 0.8]))
    with pytest.raises(GraphError, match=NAMED.get(way, r"mg\.stack")):
        ARRAYS[way](tensor())


@pytest.mark.parametrize("way", SILENT)
@pytest.mark.parametrize("context", [contextlib.nullcontext, mg.detect_anomaly, mg.strict_dtypes])
def test_on_purpose_nothing_is_said(way, context):
    with context():
        SILENT[way](tensor())
    assert mg.grad(lambda x: (SILENT[way](x[0] * x[1]), x.sum())[1])(np.array([1.5, 0.8])).tolist() == [1, 1]


def test_a_line_of_a_loop_is_told_once_and_works():
    with pytest.warns(DetachWarning) as told:
        losses = [float(tensor()) for _ in range(3)]
    assert losses == [pytest.approx(1.2)] * 3
    assert {(w.filename, w.lineno) for w in told} == {(__file__, told[0].lineno)}


def test_a_tensor_of_a_tensor():
    with pytest.warns(DetachWarning, match=r"t\.copy\(\)"):
        mg.tensor(tensor())
    with pytest.raises(GraphError, match=r"t\.copy\(\)"):
        mg.grad(lambda x: mg.tensor(x).sum())(np.ones(2))
    assert mg.tensor(tensor().detach()).item() == pytest.approx(1.2)


def test_a_list_of_numbers_is_refused_where_a_function_is_differentiated():
    """NumPy users write ``for v in x.tolist()``: its gradient was 0 without a word. Elsewhere it is meant."""
    for transform in (mg.grad, mg.jacobian, lambda f: lambda x: mg.jvp(f, (x,), (x,))):
        with pytest.raises(GraphError, match=r"inside a function.*for row in t.*t\.data\.tolist\(\)"):
            transform(lambda x: mg.tensor((x * 2).tolist()).sum())(np.ones(2))
    assert mg.grad(lambda x: (x.detach().tolist(), x.data.tolist(), x.sum())[2])(np.ones(2)).tolist() == [1, 1]
    with mg.no_grad():
        assert mg.grad(lambda x: (mg.no_grad()(x.tolist)(), x.sum())[1])(np.ones(2)).tolist() == [1, 1]
    with mg.detect_anomaly(), warnings.catch_warnings():
        warnings.simplefilter("error")
        assert tensor().tolist() == pytest.approx(1.2)


def test_a_formula_that_leaves_is_refused_where_its_gradient_is_recorded():
    op = mg.primitive(lambda x: +x, lambda g, x: g * math.cos(x), name="leaving_op", doc="x")
    x = mg.tensor(1.0, requires_grad=True)
    with pytest.raises(GraphError, match="inside a function that is differentiated"):
        mg.autograd.grad(op(x), [x], create_graph=True)


def test_a_refusal_that_other_code_replaced_is_raised():
    def swallowed(x):
        try:
            float(x.sum())
        except GraphError:
            raise KeyError("another") from None
        return x.sum()

    with pytest.raises(GraphError, match="became a Python number") as caught:
        mg.grad(swallowed)(np.ones(2))
    assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(KeyError, match="alone"):
        mg.grad(lambda x: {}["alone"])(np.ones(2))


def test_the_contexts_end():
    with contextlib.suppress(GraphError):
        mg.grad(lambda x: float(x.sum()))(np.ones(2))
    with pytest.warns(DetachWarning):
        float(tensor())
    watch = mg.detect_anomaly()
    with watch, watch, pytest.raises(GraphError):
        float(tensor())
    with pytest.warns(DetachWarning):
        float(tensor())


def test_a_refusal_keeps_no_arrays():
    kept = []

    def f(x):
        y = x * 2
        kept.append(weakref.ref(y))
        np.zeros(2)[0] = y.sum()

    gc.disable()
    try:
        with contextlib.suppress(GraphError):
            mg.grad(f)(np.ones(2))
        assert kept[0]() is None
    finally:
        gc.enable()


def pickled(x):
    return pickle.loads(pickle.dumps(x))  # noqa: S301


def test_a_pickle_inside_a_function_that_is_differentiated():
    """The argument is a leaf, which else is copied as a new leaf: nobody would ever ask that one for its gradient."""
    with pytest.raises(GraphError, match=r"the gradient ends there: write x.copy\(\)"):
        mg.grad(lambda x: (pickled(x) ** 2).sum())(np.ones(3))


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickled])
def test_a_copy_of_what_has_no_gradient_and_of_a_leaf_outside(copied):
    assert mg.grad(lambda x: (copied(x.detach()) * x).sum())(np.ones(3)).tolist() == [1.0, 1.0, 1.0]
    x = mg.tensor(np.ones(3), requires_grad=True)
    with mg.detect_anomaly():
        assert copied(x).is_leaf


ROUNDED = {
    "floor": np.floor,
    "ceil": np.ceil,
    "rint": np.rint,
    "a count of steps": lambda x: np.maximum(0, np.ceil(x * 2 - 1)) + 1,
    "the largest": lambda x: np.max(mg.stack([np.floor(x), np.trunc(x)])),
}


@pytest.mark.parametrize("name", ROUNDED)
def test_rounded_numbers_leave_a_function_that_is_differentiated(name):
    """No gradient flows through them, so none is lost where ``int`` makes a length or an index of them."""
    rounded = ROUNDED[name]
    count = int(rounded(2.3))
    for convert in (int, float, lambda t: t.tolist(), lambda t: len(range(int(t)))):
        assert mg.grad(lambda x: x * convert(rounded(x)))(2.3) == count  # noqa: B023 - called at once
    with pytest.raises(GraphError):
        mg.grad(lambda x: x * int(rounded(x) * x))(2.3)
