"""What Python and its libraries ask of a tensor: a length, an iterator, a complex number, an axis, a copy."""

import operator

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import AxisError, DataError, GraphError, ScalarError, ShapeError

# -- iteration ------------------------------------------------------------------------------------


def readers_of(root, z):
    """How many nodes of the graph of z read from ``root`` itself."""
    found, stack, seen = 0, [z._node], set()
    while stack:
        node = stack.pop()
        if node in seen or not getattr(node, "edges", None):
            continue
        seen.add(node)
        for edge in node.edges:
            if edge is not None:
                found += edge[0] is root
                stack.append(edge[0])
    return found


WAYS = {
    "for": list,
    "unpacking": lambda x: [*x],
    "zip": lambda x: [row for row, _ in zip(x, range(len(x)), strict=True)],
    "unstack": mg.unstack,
    "split": lambda x: [part[0] for part in mg.split(x, len(x))],
    "np.split": lambda x: [part[0] for part in np.split(x, len(x))],
    "array_split": lambda x: [row for part in mg.array_split(x, 9) for row in part],
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shape", [(1,), (2, 3), (9,), (17, 2), (100, 2, 1)])
def test_the_rows_of_a_tensor(way, shape):
    values = np.random.default_rng(0).normal(size=shape)
    x = mg.tensor(values, requires_grad=True)
    y = x * 1.0
    rows = WAYS[way](y)
    assert [row.tolist() for row in rows] == values.tolist()
    loss = sum((row * row * number).sum() for number, row in enumerate(rows))
    assert readers_of(y._node, loss) <= 9
    numbers = np.arange(float(shape[0])).reshape(-1, *(1,) * (len(shape) - 1))
    [g] = mg.autograd.grad(loss, [x], create_graph=True)
    np.testing.assert_allclose(g.data, 2 * numbers * values, rtol=1e-13)
    [gg] = mg.autograd.grad((g * g).sum(), [x])
    np.testing.assert_allclose(gg.data, 8 * numbers**2 * values, rtol=1e-13)


def test_a_row_that_nobody_uses_sends_nothing_back():
    x = mg.tensor(np.arange(20.0), requires_grad=True)
    with np.errstate(divide="ignore"):
        rows = list(mg.log(x + np.where(np.arange(20) == 3, -3.0, 0.0)))  # row 3 is log(0)
    (rows[1] + rows[12]).backward()
    assert x.grad.tolist() == [1.0 if i == 1 else 1 / 12 if i == 12 else 0.0 for i in range(20)]


def test_rows_are_views_that_can_be_written_to():
    x = mg.tensor(np.ones((20, 2)), requires_grad=True)
    y = x * 1.0
    for number, row in enumerate(y):
        row *= number  # noqa: PLW2901 - what is tested
    assert y.tolist() == [[i, i] for i in range(20)]
    y.sum().backward()
    assert x.grad.tolist() == [[i, i] for i in range(20)]


def test_rows_in_a_compiled_step():
    def f(x):
        return sum((row * number).sum() for number, row in enumerate(x * x))

    x = np.random.default_rng(0).normal(size=(20, 3))
    compiled = mg.compile(mg.grad(f), backend="numpy")
    for _ in range(3):
        np.testing.assert_array_equal(compiled(mg.tensor(x)).data, mg.grad(f)(mg.tensor(x)).data)
    assert compiled.stats()["replayed"] > 0


# -- a single number ------------------------------------------------------------------------------


@pytest.mark.parametrize("requires_grad", [True, False])
def test_a_single_number_is_no_sequence(requires_grad):
    t = mg.tensor(2.0, requires_grad=requires_grad)
    for ask in (len, iter, list, tuple, sorted, reversed, set, lambda t: [*t], lambda t: 2.0 in t, enumerate, dict):
        with pytest.raises(TypeError):
            ask(t)
    with pytest.raises(ScalarError, match=r"t\.item\(\)"):
        len(t)
    assert not np.iterable(t)
    assert np.iterable(t.reshape(1))


@pytest.mark.torch
def test_other_libraries_read_a_tensor_of_any_shape():
    torch = pytest.importorskip("torch")
    for values in (np.float32(2.0), np.arange(3.0), np.arange(6).reshape(2, 3)):
        for read in (torch.tensor, torch.as_tensor, np.from_dlpack):
            read_back = read(mg.tensor(values))
            np.testing.assert_array_equal(np.asarray(read_back), values)
        floats = mg.tensor(np.asarray(values, float), requires_grad=True)
        for read in (torch.tensor, torch.as_tensor, np.from_dlpack):
            with pytest.raises(GraphError, match=r"x\.detach\(\)"):
                read(floats)


def test_a_plot_of_a_tensor():
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib import pyplot as plt

    leaf = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    figure, axes = plt.subplots()
    draw = {
        "plot": lambda t: axes.plot(t),
        "two": lambda t: axes.plot(t, t),
        "scatter": lambda t: axes.scatter(t, t),
        "bar": lambda t: axes.bar([1, 2, 3], t),
        "hist": lambda t: axes.hist(t),
        "fill": lambda t: axes.fill_between([1, 2, 3], t),
        "a line": lambda t: axes.axhline(t[0]),
    }
    try:
        for call in draw.values():
            call(leaf.detach())
            for t in (leaf, leaf * 2):
                with pytest.raises(GraphError, match=r"into an array.*x\.detach\(\)"):
                    call(t)
    finally:
        plt.close(figure)


# -- complex numbers of Python's ------------------------------------------------------------------

COMPLEX = {
    "1j * t": lambda t: 1j * t,
    "t * 1j": lambda t: t * 1j,
    "1j + t": lambda t: 1j + t,
    "1j - t": lambda t: 1j - t,
    "1j / t": lambda t: 1j / t,
    "1j ** t": lambda t: 1j**t,
    "t ** 1j": lambda t: t**1j,
    "np.multiply": lambda t: np.multiply(1j, t),
    "np.add": lambda t: np.add(2 + 1j, t),
    "exp": lambda t: np.exp(1j * t),
    "a polynomial": lambda t: 1j * t * t + (2 - 1j) * t,
}


@pytest.mark.parametrize("case", COMPLEX)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(), (1,), (2, 2)])
def test_a_complex_number_of_python(case, dtype, shape):
    f = COMPLEX[case]
    value = np.full(shape, 1.5, dtype)
    want = f(value)
    for t in (mg.tensor(value), mg.tensor(value, requires_grad=True)):
        z = f(t)
        assert z.shape == shape
        assert z.dtype == np.result_type(dtype, np.complex64)
        assert isinstance(z._array, (np.ndarray, np.generic))
        np.testing.assert_allclose(z.data, want, rtol=1e-5 if dtype == "float32" else 1e-14)
    with mg.detect_anomaly():
        assert f(mg.tensor(value, requires_grad=True)).dtype == z.dtype
    step = 1e-6
    slope = (f(1.5 + step) - f(1.5 - step)) / (2 * step)
    for part, take in ((np.real, mg.real), (np.imag, mg.imag)):
        g = mg.grad(lambda t, take=take: take(f(t)).sum())(mg.tensor(value))
        assert g.dtype == dtype
        np.testing.assert_allclose(g.data, np.full(shape, part(slope)), rtol=1e-4, atol=1e-6)


def test_complex_of_a_tensor():
    assert complex(mg.tensor(2.0)) == 2 + 0j
    assert complex(1j * mg.tensor(2.0)) == 2j
    with pytest.raises(TypeError):
        float(1j * mg.tensor(2.0))


# -- axes -----------------------------------------------------------------------------------------

AXES = {
    "sum": lambda x: x.sum(5),
    "np.sum": lambda x: np.sum(x, 5),
    "mean": lambda x: x.mean((0, 5)),
    "max": lambda x: x.max(-3),
    "softmax": lambda x: x.softmax(5),
    "stack": lambda x: mg.stack([x, x], 5),
    "concatenate": lambda x: mg.concatenate([x, x], 5),
    "expand_dims": lambda x: mg.expand_dims(x, 5),
    "squeeze": lambda x: x.squeeze(5),
    "transpose": lambda x: x.transpose(0, 5),
    "swapaxes": lambda x: x.swapaxes(0, 5),
    "moveaxis": lambda x: mg.moveaxis(x, 5, 0),
    "sort": lambda x: mg.sort(x, 5),
    "cumsum": lambda x: x.cumsum(5),
    "take": lambda x: x.take([0], 5),
    "flip": lambda x: mg.flip(x, 5),
    "norm": lambda x: mg.linalg.norm(x, axis=5),
    "cross": lambda x: mg.cross(x, x, axis=5),
    "vecdot": lambda x: mg.vecdot(x, x, axis=5),
    "tensordot": lambda x: mg.tensordot(x, x, [[5], [0]]),
    "split": lambda x: mg.split(x, 1, 5),
    "argmax": lambda x: x.argmax(5),
}


@pytest.mark.parametrize("case", AXES)
def test_an_axis_that_is_not_there_is_an_index_error(case):
    for kind in (IndexError, ValueError):
        with pytest.raises(kind, match=r"ax[ei]s"):
            AXES[case](mg.ones((2, 3)))


def test_the_package_has_a_name_for_it():
    with pytest.raises(AxisError, match="sum of shapes"):
        mg.ones((2, 3)).sum(5)
    with pytest.raises(ShapeError) as caught:
        mg.ones((2, 3)) @ mg.ones((2, 3))
    assert not isinstance(caught.value, IndexError)


# -- gradients and samples ------------------------------------------------------------------------


def test_the_gradient_of_a_frozen_parameter_is_none_already():
    p = mg.tensor([1.0], requires_grad=True)
    p.requires_grad = False
    p.grad = None
    computed = mg.tensor([1.0], requires_grad=True) * 2
    computed.grad = None
    for tensor in (p, computed):
        with pytest.raises(GraphError, match="only a leaf"):
            tensor.grad = np.ones(1)


class Ends:
    def __len__(self):
        return 6

    def __getitem__(self, index):
        return next(iter([])) if index == 4 else np.float32(index)


class EndsInBatches(Ends):
    def batch(self, indices):
        return next(iter([]))


@pytest.mark.parametrize("prefetch", [0, 2])
def test_a_dataset_that_raises_stop_iteration_names_the_sample(prefetch):
    with pytest.raises(DataError, match="sample 4 of the Ends raised StopIteration"):
        list(mg.data.DataLoader(Ends(), batch_size=2, prefetch=prefetch))
    with pytest.raises(DataError, match="batch 0 of the EndsInBatches raised StopIteration"):
        list(mg.data.DataLoader(EndsInBatches(), batch_size=2, prefetch=prefetch))
    with pytest.raises(DataError, match="batch 0 of the ArrayDataset raised StopIteration"):
        list(mg.data.DataLoader((np.ones(4),), batch_size=2, prefetch=prefetch, transform=lambda _: next(iter([]))))


# -- bits: masks and integers ---------------------------------------------------------------------

BITS = (operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift)
IN_PLACE = (operator.iand, operator.ior, operator.ixor, operator.ilshift, operator.irshift)


@pytest.mark.parametrize("operate", BITS)
def test_operators_of_bits_answer_with_numpys_array(operate):
    a, b = np.array([[1, 2, 3], [4, 5, 6]]), np.array([3, 1, 2])
    want = operate(a, b)
    for got in (operate(mg.tensor(a), mg.tensor(b)), operate(mg.tensor(a), b), operate(a, mg.tensor(b))):
        assert type(got) is np.ndarray
        np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(operate(7, mg.tensor(b)), operate(7, b))
    assert operate(mg.tensor(a), OptedOut()) == "its own"


def test_masks_that_are_tensors():
    x, mask = mg.tensor([1.0, 2.0, 3.0], requires_grad=True), mg.tensor([True, False, True])
    assert (~mask).tolist() == [False, True, False]
    assert (mask & (x > 1)).tolist() == [False, False, True]
    assert ((x > 1) ^ mask).tolist() == [True, True, False]


@pytest.mark.parametrize("operate", IN_PLACE)
def test_operators_of_bits_in_place_change_the_tensor_and_its_views(operate):
    a = np.array([5, 6, 7, 8])
    t = mg.tensor(a)
    part = t[1:]
    of_array = a[1:]
    assert operate(part, 2) is part
    operate(of_array, 2)
    np.testing.assert_array_equal(t.data, a)


class OptedOut:
    """An operand that takes no part in NumPy's functions, with operators of its own."""

    __array_ufunc__ = None
    __rand__ = __ror__ = __rxor__ = __rlshift__ = __rrshift__ = lambda self, other: "its own"
