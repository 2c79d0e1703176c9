"""The door for operands: lists of Tensors are joined, arrays of other libraries converted, or refused by name."""

import array
import ctypes
import datetime as dt
import fractions

import numpy as np
import pytest

import minigrad as mg
from minigrad.data import ArrayDataset, collate
from minigrad.errors import DTypeError, GraphError
from minigrad.nn import functional as F
from minigrad.train.batches import Batches

V = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)


def library(name):
    return pytest.importorskip(name)


# -- lists ----------------------------------------------------------------------------------------


def scalars():
    return [mg.tensor(value, requires_grad=True) for value in (1.0, 2.0, 3.0)]


X = np.array([3.0, 4.0], np.float32)

#: Functions of nested lists of Tensors, and of the same as one array.
LISTS = {
    "stack": (lambda a, b, c: mg.stack([[a, b], [c, a]]), lambda a, b, c: [[a, b], [c, a]]),
    "stack, a tuple": (lambda a, b, c: mg.stack(([a, b], (c, 2.0)), 1), lambda a, b, c: [[a, c], [b, 2]]),
    "stack, three deep": (lambda a, b, c: mg.stack([[[a, b]], [[c, X[0]]]]), lambda a, b, c: [[[a, b]], [[c, 3]]]),
    "concatenate": (lambda a, b, c: mg.concatenate([[a, a], [b], X]), lambda a, b, c: [a, a, b, 3, 4]),
    "concatenate, flat": (lambda a, b, c: mg.concatenate([[[a, b]], [c]], None), lambda a, b, c: [a, b, c]),
    "np.append": (lambda a, b, c: np.append([a, a], b), lambda a, b, c: [a, a, b]),
    "np.append, the other": (lambda a, b, c: np.append(mg.stack([a]), [[b, c]]), lambda a, b, c: [a, b, c]),
    "np.concatenate": (lambda a, b, c: np.concatenate([mg.stack([c]), [a, b]]), lambda a, b, c: [c, a, b]),
    "hstack": (lambda a, b, c: mg.hstack([[a, b], c]), lambda a, b, c: [a, b, c]),
    "vstack": (lambda a, b, c: mg.vstack([[a, b], X]), lambda a, b, c: [[a, b], [3, 4]]),
    "dstack": (lambda a, b, c: mg.dstack([[a, b], X]), lambda a, b, c: [[[a, 3], [b, 4]]]),
    "column_stack": (lambda a, b, c: mg.column_stack([[a, b], X]), lambda a, b, c: [[a, 3], [b, 4]]),
    "block": (lambda a, b, c: mg.block([[a, b], [c, a]]), lambda a, b, c: [[a, b], [c, a]]),
    "where": (lambda a, b, c: mg.where([True, False], [a, b], X), lambda a, b, c: [a, 4]),
    "exp": (lambda a, b, c: mg.log(mg.exp([a, [b, c][0]])), lambda a, b, c: [a, b]),
    "sum": (lambda a, b, c: mg.sum([[a, b], [c, 1.0]], 0), lambda a, b, c: [a + c, b + 1]),
    "an operator": (lambda a, b, c: mg.tensor(X) - [a, b], lambda a, b, c: [3 - a, 4 - b]),
    "reflected": (lambda a, b, c: [a, b] - mg.tensor(X), lambda a, b, c: [a - 3, b - 4]),
    "matmul": (lambda a, b, c: [[a, b], [c, 1.0]] @ mg.tensor(X), lambda a, b, c: [3 * a + 4 * b, 3 * c + 4]),
    "linear": (
        lambda a, b, c: mg.nn.functional.linear([[a, b]], X[None], 0 * X[:1]),
        lambda a, b, c: [[3 * a + 4 * b]],
    ),
}


@pytest.mark.parametrize("case", LISTS)
def test_a_list_of_tensors_is_their_stack(case):
    joined, by_hand = LISTS[case]
    leaves = scalars()
    z = joined(*leaves)
    assert z.dtype == np.float32
    np.testing.assert_allclose(z.data, by_hand(1.0, 2.0, 3.0), rtol=1e-6)
    weights = np.random.default_rng(0).normal(size=z.shape).astype("f4")
    (z * weights).sum().backward()
    for number, leaf in enumerate(leaves):  # linear: a step of one shows the gradient
        moved = [1.0, 2.0, 3.0]
        moved[number] += 1
        expected = np.sum(weights * np.array(by_hand(*moved))) - np.sum(weights * np.array(by_hand(1.0, 2.0, 3.0)))
        np.testing.assert_allclose(0 if leaf.grad is None else leaf.grad, expected, rtol=1e-5, atol=1e-5)


def test_lists_are_joined_in_a_compiled_step():
    step = mg.compile(lambda a, b: mg.stack([[a, b], [b, 2.0]]).sum() + mg.exp([a, b]).sum(), backend="numpy")
    a, b = mg.tensor(1.0), mg.tensor(2.0)
    assert len({step(a, b).item() for _ in range(3)}) == 1
    assert step(mg.tensor(2.0), b).item() != step(a, b).item()


def test_a_ragged_list_is_refused():
    a, b, c = scalars()
    with pytest.raises(ValueError, match="shapes"):
        mg.stack([[a, b], [c]])


# -- other libraries ------------------------------------------------------------------------------


class Tagged(np.ndarray):
    """A subclass that calculates as NumPy does."""


class Unit(np.ndarray):
    """One that does not."""

    def __array_ufunc__(self, *_, **__):
        return NotImplemented


class HasArray:
    def __array__(self, dtype=None, copy=None):
        return V


class Broken:
    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("not now")


CONVERTED = {
    "torch": lambda: library("torch").tensor(V),
    "JAX": lambda: library("jax").numpy.array(V),
    "a data frame": lambda: library("pandas").DataFrame(V),
    "xarray": lambda: library("xarray").DataArray(V),
    "masked, nothing": lambda: np.ma.array(V),
    "a subclass": lambda: V.view(Tagged),
    "__array__": HasArray,
    "a list of series": lambda: [library("pandas").Series(row) for row in V],
    "a list of torch": lambda: list(library("torch").tensor(V)),
    "array.array": lambda: [array.array("f", row) for row in V],
    "memoryview": lambda: memoryview(V),
}

REFUSED = {
    "torch with a graph": (lambda: library("torch").tensor(V, requires_grad=True), ["torch.Tensor", "detach"]),
    "bfloat16": (lambda: library("torch").tensor(V).bfloat16(), ["torch.Tensor", "BFloat16"]),
    "MyGrad": (lambda: library("mygrad").tensor(V), ["mygrad.Tensor", "graph"]),
    "masked": (lambda: np.ma.array(V, mask=[[0, 1], [0, 0]]), ["MaskedArray", "mask", "filled(0)"]),
    "np.ma.masked": (lambda: np.ma.masked, ["MaskedConstant", "mask"]),
    "a list of masked": (lambda: [np.ma.array(X, mask=[0, 1]), X], ["MaskedArray", "mask"]),
    "sparse": (lambda: library("scipy.sparse").csr_array(V), ["scipy.csr_array", "sparse", "toarray()"]),
    "sparse matrix": (lambda: library("scipy.sparse").coo_matrix(V), ["scipy.coo_matrix", "sparse", "toarray()"]),
    "words": (lambda: library("pandas").Series(["a", "b"]), ["pandas.Series", "dtype"]),
    "a subclass of its own": (lambda: V.view(Unit), ["Unit", "np.asarray"]),
    "broken": (Broken, ["Broken", "not now"]),
    "records": (lambda: np.rec.array([(1.0,)], dtype=[("x", "f8")]), ["recarray", "dtype"]),
    "a fraction": (lambda: fractions.Fraction(1, 2), ["Fraction"]),
    "a string": (lambda: "a", ["'a'"]),
    "a time": (lambda: dt.timedelta(1), ["timedelta"]),
}

#: Where an operand comes in.
DOORS = {
    "right": lambda x, other: x * other,
    "matmul": lambda x, other: x @ other,
    "function": lambda x, other: mg.maximum(x, other),
    "where": lambda x, other: np.where(V > 1, x, other),
    "stack": lambda x, other: mg.stack([x, other]),
    "list": lambda x, other: mg.stack([[x], [other]]),
}


def written(x, other):
    y = x.copy()
    y[...] = other
    return y


#: Doors behind which an operand is looked at before an op gets it.
CHECKED = {
    "target": lambda x, other: F.mse_loss(x, other, "none"),
    "prediction": lambda x, other: F.huber_loss(other, x, "none"),
    "divergence": lambda x, other: F.kl_div(x, other, "none"),
    "normalised": lambda x, other: F.layer_norm(other, 2, x[0]),
    "scale": lambda x, other: F.layer_norm(x, (2, 2), other),
    "cosine": lambda x, other: F.cosine_similarity(x, other),
    "weights": lambda x, other: mg.average(x, 0, weights=other),
    "written": written,
    "cotangent": lambda x, other: mg.vjp(lambda x: x * x, x)[1](other)[0],
}


@pytest.mark.parametrize("kind", CONVERTED)
def test_what_is_numbers_alone_becomes_an_array(kind):
    for door in (*DOORS.values(), *CHECKED.values()):
        x = mg.tensor(V, requires_grad=True)
        want = door(mg.tensor(V), V)
        got = door(x, CONVERTED[kind]())
        assert type(got._array) is np.ndarray
        assert got.dtype == np.float32
        np.testing.assert_array_equal(got.data, want.data)
        got.sum().backward()
        assert type(x.grad) is np.ndarray
    made = mg.tensor(CONVERTED[kind]())
    assert type(made._array) is np.ndarray
    np.testing.assert_array_equal(made.data, V)


@pytest.mark.parametrize("kind", REFUSED)
def test_what_carries_more_is_refused_by_name(kind):
    make, words = REFUSED[kind]
    # Products with sparse matrices work once minigrad.sparse is imported: tests/numerics/test_sparse_matrices.py.
    doors = [door for name, door in DOORS.items() if not (name == "matmul" and "sparse" in kind)]
    doors.append(lambda _, other: mg.tensor(other))
    if kind not in ("a string", "a list of masked"):
        doors.append(lambda _, other: mg.tensor([other, 1.0]))
    for requires_grad in (True, False):
        x = mg.tensor(V, requires_grad=requires_grad)
        for door in doors:
            other = make()
            with pytest.raises(DTypeError) as caught:
                door(x, other)
            for word in words:
                assert word in str(caught.value)


LOSES = ("torch with a graph", "MyGrad", "masked", "sparse", "sparse matrix", "a subclass of its own")


@pytest.mark.parametrize("kind", LOSES)
@pytest.mark.parametrize("door", CHECKED)
def test_what_carries_more_passes_no_check_in_silence(door, kind):
    make, words = REFUSED[kind]
    with pytest.raises(DTypeError) as caught:
        CHECKED[door](mg.tensor(V, requires_grad=True), make())
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize("kind", LOSES)
def test_datasets_take_numbers_alone(kind):
    make, words = REFUSED[kind]
    for door in (ArrayDataset, lambda other: collate([other, other]), lambda other: next(iter(batches(other)))):
        with pytest.raises(DTypeError) as caught:
            door(make())
        assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize("kind", sorted(CONVERTED.keys() - {"memoryview"}))
def test_datasets_take_arrays_of_other_libraries(kind):
    (array,) = ArrayDataset(CONVERTED[kind]()).arrays
    assert type(array) is np.ndarray
    assert np.array_equal(array, V)
    x, y = next(iter(batches(CONVERTED[kind]())))
    assert type(x._array) is np.ndarray
    assert np.array_equal(x.data, V)
    assert type(y) is np.ndarray


def batches(values):
    """What a Trainer makes of a batch from a loader of another library."""
    return Batches([(values, values)], np.dtype(np.float32)).epoch()


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_a_matrix_of_numpy_is_refused_on_either_side():
    matrix = np.matrix(V)
    for requires_grad in (True, False):
        x = mg.tensor(V, requires_grad=requires_grad)
        for door in (lambda x: x * matrix, lambda x: matrix * x, lambda x: matrix @ x, lambda _: mg.tensor(matrix)):
            with pytest.raises(DTypeError, match=r"numpy\.matrix.*np\.asarray"):
                door(x)


@pytest.mark.parametrize(
    "left",
    [
        lambda x: np.ma.array(V, mask=V > 3) * x,
        lambda x: np.ma.array(V) + x,
        lambda x: np.ma.exp(x),
        lambda x: np.ma.getdata(x),
        lambda x: np.ma.log(x),
        lambda x: np.ma.multiply(x, V),
        lambda x: np.ma.add(V, x),
        lambda x: np.ma.where(V > 1, x, V),
        lambda x: np.ma.sum(x),
        lambda x: np.ma.concatenate([np.ma.array(V), x]),
        lambda x: np.ma.array(x),
        lambda x: np.ma.masked_where(V > 1, x),
        lambda x: np.ma.masked_invalid(x),
        lambda x: np.ma.dot(x, V),
        lambda x: np.ma.median(x),
        lambda x: np.ma.median(x, axis=0),
        lambda x: library("scipy.sparse").csr_array(V) * x,
        lambda x: library("scipy.sparse").csr_matrix(V) + x,
        lambda x: library("pandas").Series(X) * x[0],
        lambda x: library("mygrad").tensor(V) * x,
    ],
)
def test_the_left_operand_drops_no_gradient(left):
    with pytest.raises((GraphError, DTypeError)):
        left(mg.tensor(V, requires_grad=True))


def test_np_ma_works_on_tensors_without_a_gradient():
    np.testing.assert_array_equal(np.ma.exp(mg.tensor(V)), np.exp(V))
    assert np.ma.getmask(mg.tensor(V)) is np.ma.nomask
    product = np.ma.array(V, mask=V > 3) * mg.tensor(V)
    assert product.mask.tolist() == (V > 3).tolist()


def test_a_labelled_array_on_the_left_holds_the_tensor():
    x = mg.tensor(V, requires_grad=True)
    product = library("xarray").DataArray(V, dims=["a", "b"]) * x
    product.data.sum().backward()
    np.testing.assert_array_equal(x.grad, V)


# -- operands that take no part in NumPy ----------------------------------------------------------


class Unasked:
    """It knows itself what to do with a Tensor."""

    __array_ufunc__ = None

    def _reflected(self, other):
        return ("reflected", other)

    __radd__ = __rsub__ = __rmul__ = __rtruediv__ = __rpow__ = __rmatmul__ = __rmod__ = __rfloordiv__ = _reflected


OPERATORS = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "/": lambda x, y: x / y,
    "**": lambda x, y: x**y,
    "@": lambda x, y: x @ y,
    "%": lambda x, y: x % y,
    "//": lambda x, y: x // y,
}


@pytest.mark.parametrize("operator", OPERATORS)
def test_an_operand_that_opted_out_gets_the_tensor(operator):
    class Mute:
        __array_ufunc__ = None

    for requires_grad in (True, False):
        x = mg.tensor(V, requires_grad=requires_grad)
        word, tensor = OPERATORS[operator](x, Unasked())
        assert word == "reflected"
        assert tensor is x
        with pytest.raises(TypeError, match="unsupported operand"):
            OPERATORS[operator](x, Mute())
        with pytest.raises(TypeError, match="takes no part"):
            OPERATORS[operator](Mute(), x)
    with pytest.raises(DTypeError, match="Unasked takes no part"):
        mg.multiply(mg.tensor(V), Unasked())


def test_an_array_of_objects_is_refused_where_there_is_a_gradient():
    x = mg.tensor(X, requires_grad=True)
    objects = np.empty(2, object)
    objects[0], objects[1] = mg.tensor(1.0, requires_grad=True), 2.0
    for call in (lambda: x * objects, lambda: objects * x, lambda: x @ objects, lambda: mg.concatenate([x, objects])):
        with pytest.raises(DTypeError, match="objects"):
            call()


# -- functions that make Tensors ------------------------------------------------------------------


def test_what_makes_tensors_of_numbers_loses_no_gradient():
    t = mg.tensor(2.0, requires_grad=True)
    for call in (
        lambda: mg.arange(t, 5),
        lambda: mg.arange(t),
        lambda: mg.arange(0, 5, t),
    ):
        with pytest.raises(GraphError, match=r"takes numbers.*write start \+ "):
            call()
    assert mg.arange(t.detach(), 5).tolist() == [2, 3, 4]
    steps = mg.linspace(0, t, 3)
    assert steps.tolist() == [0, 1, 2]
    assert mg.autograd.grad(steps.sum(), [t])[0] == 1.5
    filled = mg.full((2, 3), t)
    filled.sum().backward()
    assert filled.tolist() == [[2, 2, 2]] * 2
    assert t.grad == 6
    assert mg.full(2, t.detach()).tolist() == [2, 2]


def test_bincount_has_the_gradient_of_its_weights():
    weights = mg.tensor([1.0, 2.0, 4.0], requires_grad=True)
    for call in (lambda: np.bincount([2, 0, 2], weights=weights), lambda: mg.bincount([2, 0, 2], weights, 3)):
        z = call()
        assert z.tolist() == [2, 0, 5]
        [g] = mg.autograd.grad((z * [10.0, 1.0, 3.0]).sum(), [weights])
        assert g.tolist() == [3, 10, 3]
    assert type(np.bincount(mg.tensor(np.array([2, 0, 2])))) is np.ndarray
    assert mg.bincount([2, 0, 2], minlength=5).tolist() == [1, 0, 2, 0, 0]


# -- the dtype of a list of numbers ---------------------------------------------------------------

BESIDE_A_LIST = {
    "an operator": lambda x, v: x * v,
    "reflected": lambda x, v: v - x,
    "matmul": lambda x, v: v @ x,
    "where": lambda x, v: mg.where([True, False], v, x),
    "np.maximum": lambda x, v: np.maximum(v, x),
    "an op of three": lambda x, v: mg.nn.functional.linear(mg.reshape(x, (1, 2)), [v], mg.reshape(x[:1], 1)),
}


@pytest.mark.parametrize("f", BESIDE_A_LIST.values(), ids=BESIDE_A_LIST)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "complex128"])
def test_numbers_in_a_list_count_as_numbers_do(f, dtype):
    """Neither do they promote what they meet, nor lose digits to the default dtype."""
    if "c" in dtype and f in (BESIDE_A_LIST["np.maximum"], BESIDE_A_LIST["an op of three"]):
        return
    x = np.array([0.3, 0.7], dtype)
    got = f(mg.tensor(x), [0.1, 0.2])
    want = f(mg.tensor(x), np.array([0.1, 0.2]).astype(np.finfo(dtype).dtype))
    assert got.dtype == dtype
    np.testing.assert_array_equal(got.data, want.data)


def test_lists_beside_integers_and_alone():
    assert (mg.tensor(np.array([1, 2])) * [0.1, 0.2]).data.tolist() == [0.1, 0.4]
    assert (mg.tensor(X) * [True, False]).data.tolist() == [3.0, 0.0]
    assert (mg.tensor(X) * [1, 2]).dtype == np.float32
    assert (mg.tensor(X) * [1.0, np.float64(2)]).dtype == np.float32  # decided by the first number
    assert (mg.tensor(X) * [np.float64(2), 1.0]).dtype == np.float64
    assert mg.exp([0.1]).dtype == np.float32


# -- what lends its memory and is no array --------------------------------------------------------

DOUBLES = np.array([0.1, 0.7])


class Lender:
    """An object with one protocol alone."""

    def __init__(self, protocol, array=DOUBLES, **more):
        self.array = array
        if protocol == "__array_interface__":
            self.__array_interface__ = {**array.__array_interface__, **more}
        elif protocol == "__array_struct__":
            self.__array_struct__ = array.__array_struct__


class Exporter:
    """An array of another library that knows DLPack alone."""

    def __init__(self, array=DOUBLES, device=(1, 0)):
        self.array, self.device = array, device

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.device


class Copying:
    """``__array__`` with NumPy's new keyword, or without any."""

    def __array__(self, dtype=None, copy=None):
        return np.array(DOUBLES, dtype, copy=copy)


class Plain:
    def __array__(self):
        return DOUBLES


LENDERS = {
    "array.array": lambda: array.array("d", DOUBLES),
    "memoryview": lambda: memoryview(DOUBLES),
    "ctypes": lambda: (ctypes.c_double * 2)(*DOUBLES),
    "__array_interface__": lambda: Lender("__array_interface__"),
    "__array_struct__": lambda: Lender("__array_struct__"),
    "DLPack": Exporter,
    "__array__ with copy": Copying,
    "__array__ without": Plain,
}
USES = {
    "operator": lambda x, v: x * v,
    "reflected": lambda x, v: v * x,
    "np.multiply": np.multiply,
    "where": lambda x, v: mg.where([True, False], v, x) * x,
    "a list": lambda x, v: mg.stack([x, v])[1] * x,
    "mg.tensor": lambda x, v: mg.tensor(v) * x,
    "mg.Tensor": lambda x, v: mg.Tensor(v) * x,
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("lender", LENDERS)
def test_what_lends_its_memory_keeps_its_dtype(lender, use):
    """A double is no Python number: it becomes no float32 on the way."""
    x = mg.tensor(np.array([3.0, 4.0]), requires_grad=True)
    z = USES[use](x, LENDERS[lender]())
    assert z.dtype == np.float64
    want = [0.1 * 3, 16.0] if use == "where" else (DOUBLES * [3, 4]).tolist()
    np.testing.assert_array_equal(z.data, want)
    assert mg.tensor(LENDERS[lender]()).dtype == np.float64


@pytest.mark.parametrize("lender", ["array.array", "memoryview", "__array_interface__", "DLPack"])
@pytest.mark.parametrize("make", [lambda v: v, mg.Tensor])
def test_what_the_lender_writes_later_changes_no_gradient(lender, make):
    memory = DOUBLES.copy()
    lent = {
        "array.array": lambda: array.array("d", memory),
        "memoryview": lambda: memoryview(memory),
        "__array_interface__": lambda: Lender("__array_interface__", memory),
        "DLPack": lambda: Exporter(memory),
    }[lender]()
    x = mg.tensor(np.array([3.0, 4.0]), requires_grad=True)
    loss = (x * make(lent)).sum()
    memory[...] = 100.0
    if lender == "array.array":
        lent[0] = 100.0
    loss.backward()
    assert x.grad.tolist() == DOUBLES.tolist()


def test_what_is_lent_and_cannot_be_taken_is_refused_by_name():
    x = mg.tensor(DOUBLES, requires_grad=True)
    mask = Lender("__array_interface__", mask=Lender("__array_interface__", np.array([True, False])))
    for given, message in [
        (Exporter(device=(2, 0)), "Exporter lies in the memory of another device"),
        (mask, "Lender has a mask"),
        (b"ab", "holds numbers"),
        (array.array("u", "ab"), "holds numbers"),
    ]:
        for use in (lambda v: x * v, lambda v: v + x, mg.tensor, lambda v: np.add(x, v), lambda v: mg.stack([x, v])):
            with pytest.raises(DTypeError, match=message):
                use(given)


@pytest.mark.parametrize("data", [[1.0, None], None, ["1.5", "2"], np.array([1, None]), np.array(["1.5"])])
@pytest.mark.parametrize("way", ["tensor", "full", "gradient", "assigned"])
def test_a_dtype_makes_no_numbers_of_what_is_none(data, way):
    """NumPy makes NaN of None, and reads strings."""
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    ways = {
        "tensor": lambda: mg.tensor(data, dtype="float32"),
        "full": lambda: mg.full(2, data, "float32"),
        "gradient": lambda: (x * 2).backward([data, 1.0] if data is None else data),
        "assigned": lambda: setattr(x, "data", data),
    }
    with pytest.raises(DTypeError, match=r"a tensor holds numbers, got (None|'1.5'|dtype)"):
        ways[way]()
    assert mg.tensor([2**70, fractions.Fraction(1, 2)], dtype="float64").tolist() == [2.0**70, 0.5]
    assert mg.tensor(np.array([np.bool_(False), True, 2.5], object), dtype="float64").tolist() == [0, 1, 2.5]


NONES = ([1.0, None, 2.0], np.array([1.0, None, 2.0]))
LEAF = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)


def _with_gradient(given):
    f = mg.custom_vjp(lambda x: x.sum())
    f.defvjp(lambda x: (x.sum(), None), lambda _, g: (given,))
    return f


@pytest.mark.parametrize(
    "call",
    [
        lambda n: F.mse_loss(LEAF, n),
        lambda n: F.smooth_l1_loss(LEAF, n),
        lambda n: F.huber_loss(LEAF, n),
        lambda n: np.average(LEAF, weights=n),
        lambda n: np.gradient(LEAF, n),
        lambda n: mg.trapezoid(LEAF, n),
        lambda n: np.interp(LEAF, [0.0, 1.0, 2.0], n),
        lambda n: np.insert(LEAF, 0, n),
        lambda n: np.ediff1d(LEAF, to_end=n),
        lambda n: mg.jvp(lambda v: v * 2, (np.ones(3),), (n,)),
        lambda n: mg.vjp(lambda v: v * 2, np.ones(3))[1](n),
        lambda n: np.stack([LEAF, n]),
        lambda n: mg.grad(_with_gradient(n))(np.ones(3)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("values", NONES, ids=["list", "array"])
def test_none_is_no_number_beside_a_tensor_either(call, values):
    """Weights, targets, spacings, directions: what is cast to the dtype of what it stands beside."""
    with pytest.raises(DTypeError):
        call(values)


def test_none_alone_is_no_number():
    for call in (
        lambda: np.gradient(LEAF, None),
        lambda: mg.trapezoid(LEAF, dx=None),
        lambda: np.insert(LEAF, 0, None),
    ):
        with pytest.raises(DTypeError, match=r"got None|is None"):
            call()


def test_an_object_around_an_array_gets_its_turn_with_its_names():
    class DataArray:
        def __init__(self, data):
            self.data = data

        def __array__(self, dtype=None, copy=None):
            return np.asarray(self.data, dtype)

        def __mul__(self, other):
            return DataArray(self.data * other)

        __rmul__ = __mul__

    DataArray.__module__ = "xarray.core.dataarray"
    names = DataArray(np.arange(3.0))
    for multiply in (lambda x: x * names, lambda x: names * x):
        assert type(multiply(mg.tensor(2.0))) is DataArray
        assert mg.grad(lambda x, f=multiply: mg.sum(f(x).data))(2.0) == 3.0
    with pytest.raises(DTypeError, match=r"xarray.DataArray holds an array and the names of its axes, .*: write"):
        mg.where([True, False, True], names, mg.tensor(1.0))


@pytest.mark.parametrize("kind", ["m8[s]", "M8[D]", "U3", [("x", "f8")]])
def test_an_array_of_what_is_no_number_is_refused_by_its_dtype(kind):
    """Time spans times a tensor were whole units again, in a graph; and the text of the error failed on dates."""
    x = mg.tensor([1.5, 2.5], requires_grad=True)
    other = np.array([1, 2], "m8[s]").view("M8[s]").astype("M8[D]") if kind == "M8[D]" else np.zeros(2, kind)
    calls = [lambda: x * other, lambda: other * x, lambda: x @ other, lambda: np.maximum(x, other), lambda: x**other]
    for call in calls:
        with pytest.raises(
            DTypeError, match=r"a tensor holds numbers, got|write astype: it takes [^dt]|cannot use operands"
        ):
            call()
