"""Writes in place have NumPy's meaning: values, views that follow, gradients; what could not follow is refused."""

import operator
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.errors import CompileError, DTypeError, GraphError, ShapeError

# -- programs of views and writes, run by NumPy and by minigrad -------------------------------------

VIEWS = [
    lambda a: a[0:2], lambda a: a[1:], lambda a: a[::2], lambda a: a[::-1], lambda a: a[-1], lambda a: a[..., 1:],
    lambda a: a[None], lambda a: a.T, lambda a: a.reshape(-1), lambda a: a.reshape(2, -1) if a.size % 2 == 0 else a[:1],
    lambda a: a.swapaxes(0, -1), lambda a: np.squeeze(a), lambda a: np.expand_dims(a, 0), lambda a: np.flip(a, 0),
    lambda a: np.moveaxis(a, 0, -1), lambda a: np.atleast_2d(a), lambda a: np.split(a, [1])[1],
    lambda a: np.rot90(a) if a.ndim > 1 else a[0:1], lambda a: np.einsum("i...->...i", a),
    lambda a: np.einsum("ii->i", a[:2, :2]) if a.ndim == 2 and min(a.shape) > 1 else a[:1],
    lambda a: a.flatten(), lambda a: +a, lambda a: a.copy(),
]  # fmt: skip
INDICES = [
    lambda a: 0, lambda a: -1, lambda a: slice(0, 2), lambda a: slice(None, None, -2), lambda a: ...,
    lambda a: (..., 0),
    lambda a: [0, -1, 0], lambda a: np.arange(len(a)) % 2 == 0,
]  # fmt: skip
VALUES = [
    lambda a, x: 2.5, lambda a, x: x[0], lambda a, x: a * x[1], lambda a, x: a + a, lambda a, x: x[2] * x[0],
    lambda a, x: a[..., ::-1] * 0.5,
]  # fmt: skip
INSTRUCTIONS = st.one_of(
    st.tuples(st.just("view"), st.integers(0, 30), st.sampled_from(VIEWS)),
    st.tuples(st.just("new"), st.integers(0, 30), st.sampled_from(VALUES)),
    st.tuples(st.just("set"), st.integers(0, 30), st.sampled_from(INDICES), st.sampled_from(VALUES)),
    st.tuples(st.just("set part"), st.integers(0, 30), st.sampled_from(INDICES), st.integers(0, 30)),
    st.tuples(st.just("add part"), st.integers(0, 30), st.sampled_from(INDICES), st.sampled_from(VALUES)),
    st.tuples(st.just("add"), st.integers(0, 30), st.sampled_from(VALUES)),
    st.tuples(st.just("multiply"), st.integers(0, 30), st.sampled_from(VALUES)),
    st.tuples(st.just("forget"), st.integers(0, 30)),
)


def run(program, start, x):
    """Run a program on ``start`` and what comes of it; returns everything that is there at the end."""
    arrays = [start]
    for name, number, *rest in program:
        a = arrays[number % len(arrays)]
        if not a.ndim or not a.size or a.ndim > 4:
            continue
        if name == "view":
            arrays.append(rest[0](a))
        elif name == "new":
            arrays.append(a * rest[0](a, x))
        elif name == "set":
            index = rest[0](a)
            a[index] = rest[1](a[index], x)
        elif name == "set part":
            index, other = rest[0](a), arrays[rest[1] % len(arrays)]
            if np.shape(other) == np.shape(a[index]):
                a[index] = other
        elif name == "add part":
            index = rest[0](a)
            a[index] += rest[1](a[index], x)
        elif name == "add":
            a += rest[0](a, x)
        elif name == "multiply":
            a *= rest[0](a, x)
        elif len(arrays) > 1:
            del arrays[number % len(arrays)]
        del a
    return arrays


def total(arrays):
    """A number in which every element of every array counts with a weight of its own."""
    result = 0.0
    for number, a in enumerate(arrays):
        result = result + (a * (np.arange(1.0, a.size + 1).reshape(a.shape) + number)).sum()
    return result


STARTS = {
    "zeros": lambda x: np.zeros((3, 4), dtype=float),
    "computed": lambda x: np.arange(12.0).reshape(3, 4) * x[1],
    "transposed": lambda x: np.arange(12.0).reshape(4, 3).T * x[1],
}


def plain(kind, program, x):
    """NumPy's own answer; complex x differentiate it by a complex step."""
    start = STARTS[kind](x)
    return total(run(program, start.astype(np.result_type(x)), x))


def graph(kind, program, x):
    start = STARTS[kind](x)
    return total(run(program, mg.tensor(start) if kind == "zeros" else start, x))


def flagged(f):
    """What f gives, or the kind of its error: programs that NumPy refuses are refused here."""
    try:
        with np.errstate(all="ignore"):
            return f()
    except (ValueError, IndexError, TypeError):
        return None


X = np.array([0.7, -0.4, 1.3])


@given(st.sampled_from(sorted(STARTS)), st.lists(INSTRUCTIONS, max_size=9))
def test_values_and_gradients_are_numpys(kind, program):
    expected = flagged(lambda: plain(kind, program, X))
    if expected is None:
        with pytest.raises((ValueError, IndexError, TypeError, GraphError)):
            graph(kind, program, mg.tensor(X, requires_grad=True))
        return
    with np.errstate(all="ignore"):
        x = mg.tensor(X, requires_grad=True)
        z = graph(kind, program, x)
        assert np.allclose(z.item() if isinstance(z, mg.Tensor) else z, expected, rtol=1e-12, atol=1e-12)
        slopes = [plain(kind, program, X + 1e-30j * row).imag / 1e-30 for row in np.eye(3, dtype=float)]
        if isinstance(z, mg.Tensor) and z.requires_grad:
            z.backward()
            assert np.allclose(x.grad, slopes, rtol=1e-9, atol=1e-9)
        else:
            assert not np.any(slopes)


def filled(x):
    """A function as it is written for arrays: an array is filled, by elements, parts and masks."""
    out = mg.zeros(4, dtype=x.dtype)
    for i in range(3):
        out[i] = x[i] ** 2
    out[1:3] += x[:2] * x[2]
    part = out[2:]
    part *= x[0]
    out[out > 1] = x[1]
    return (out * out).sum()


def test_an_array_is_filled_under_a_transform():
    x = np.array([0.5, 1.5, 0.25])
    # out: x0**2, then x1**2 + x0 x2 > 1 becomes x1, then (x2**2 + x1 x2) x0, then 0
    third = (x[2] ** 2 + x[1] * x[2]) * x[0]
    slopes = np.array(
        [
            4 * x[0] ** 3 + 2 * third * (x[2] ** 2 + x[1] * x[2]),
            2 * x[1] + 2 * third * x[2] * x[0],
            2 * third * (2 * x[2] + x[1]) * x[0],
        ]
    )
    assert np.allclose(np.asarray(mg.grad(filled)(x)), slopes)
    assert np.allclose(np.asarray(mg.hessian(filled)(x)), np.asarray(mg.hessian(filled)(x)).T)


def test_a_filled_array_is_compiled():
    def unmasked(x):
        out = mg.zeros(4, dtype=x.dtype)
        for i in range(3):
            out[i] = x[i] ** 2
        out[1:3] += x[:2] * x[2]
        part = out[2:]
        part *= x[0]
        return mg.grad(lambda y: (y * out).sum())(x), (out * out).sum()

    def gradient(x):
        return mg.grad(lambda x: unmasked(mg.concatenate([x, x[:1]]))[1])(x)

    for f, size in ((unmasked, 4), (gradient, 3)):
        step = mg.compile(f)
        for k in range(5):
            x = np.array([0.5, 1.5, 0.25 + k, 2.0])[:size]
            got, expected = (r if isinstance(r, tuple) else (r,) for r in (step(x), f(mg.tensor(x))))
            for a, b in zip(got, expected, strict=True):
                assert np.array_equal(np.asarray(a), np.asarray(b))
        assert step.stats()["replayed"] > 0


def test_arrays_are_written_in_a_compiled_function():
    def f(x):
        out = mg.zeros((2, 3))
        out[0] = x * 2  # an array, as x is
        out[1] = [x[0], x[1], 5.0]
        out[:, 1] += x[:2]
        return out

    step = mg.compile(f)
    for k in range(4):
        x = np.array([1.0, 2.0, 3.0 + k], "float32")
        expected = [[2.0, 5.0, 6.0 + 2 * k], [1.0, 4.0, 5.0]]
        assert np.array_equal(np.asarray(step(x)), expected)
    assert step.stats()["replayed"] > 0


def test_a_step_does_not_write_into_tensors_from_outside():
    state = mg.zeros(3)

    def closure(x):
        state[0] = x.sum()
        return state * 2

    def argument(x):
        x *= 2
        return x

    for f in (closure, argument):
        with pytest.raises(CompileError, match="outside of the step is written in place"):
            mg.compile(f)(mg.tensor([1.0, 2.0, 3.0]))


def leaf():
    return mg.tensor([1.0, 2.0, 3.0], requires_grad=True)


def write(x):
    x[0] = 5.0


def add(x):
    x += 1.0


@pytest.mark.parametrize("change", [write, add])
@pytest.mark.parametrize(
    ("make", "what"),
    [
        (leaf, "a tensor that requires a gradient"),
        (lambda: leaf()[:2], "a view of a tensor that requires a gradient"),
        (lambda: leaf().reshape(3, 1), "a view of a tensor that requires a gradient"),
        (lambda: mg.broadcast_to(mg.zeros(3), (2, 3)), "read-only"),
        (lambda: mg.diagonal(mg.zeros((2, 2))), "read-only"),
        (lambda: mg.real(mg.tensor([1j, 2.0])), "real or imaginary"),
    ],
)
def test_what_cannot_follow_is_refused(change, make, what):
    x = make()
    before = x.data.copy()
    with pytest.raises(GraphError, match=what):
        change(x)
    assert np.array_equal(x.data, before)


@pytest.mark.parametrize("change", [write, add])
def test_detached_views_are_refused_while_their_graph_is_in_use(change):
    h = leaf() * 2
    for detached in (h.detach(), h[:2].detach(), h.detach()[1:]):
        with pytest.raises(GraphError, match="shares the memory of a tensor in a graph"):
            change(detached)
    detached = h.detach()
    del h
    change(detached)  # nobody else sees the memory
    h = leaf() * 2
    detached, other = h.detach(), h.detach()[1:]
    del h
    with pytest.raises(GraphError, match="shares the memory"):
        change(detached)
    assert np.array_equal(other.data, [4.0, 6.0])


def test_detached_views_follow():
    h = leaf() * 2
    whole, part = h.detach(), h[1:].detach()
    h[1] = 10.0
    assert np.array_equal(whole.data, [2.0, 10.0, 6.0])
    assert np.array_equal(part.data, [10.0, 6.0])
    assert not whole.requires_grad
    assert h.requires_grad


@pytest.mark.parametrize("change", [write, add])
def test_no_write_takes_a_tensor_out_of_its_graph(change):
    h = leaf() * 2
    with mg.no_grad(), pytest.raises(GraphError, match="inside no_grad"):
        change(h)
    with mg.no_grad():
        change(mg.zeros(3))


def test_a_view_that_requires_a_gradient_of_its_own_holds_the_write_back():
    h = mg.zeros(3)
    part = h[:2].requires_grad_()
    with pytest.raises(GraphError, match="a view of this tensor requires"):
        h[0] = 1.0
    assert part.is_leaf
    del part
    h[0] = 1.0


def test_what_was_saved_for_the_gradient_stays():
    x = leaf()
    h = x * 1
    y = h * h
    h *= 3  # y's formula has saved the old h
    (y.sum() + h.sum()).backward()
    assert np.array_equal(x.grad, [5.0, 7.0, 9.0])


def test_a_buffer_is_filled_anew_for_each_term():
    x, buffer, total = leaf(), mg.zeros(3), 0.0
    for k in range(3):
        buffer[:] = k + 1
        total = total + (x * buffer).sum()
    total.backward()
    assert np.array_equal(x.grad, [6.0, 6.0, 6.0])


def test_other_data_ends_a_view():
    h = mg.zeros(3)
    part = h[:2]
    part.data = np.array([7.0, 8.0], "float32")
    h[0] = 1.0
    assert np.array_equal(part.data, [7.0, 8.0])


def test_other_data_leaves_the_views_to_one_another():
    x = mg.zeros(3)
    first, last = x[:2], x[1:]
    x.data = np.array([7.0, 8.0, 9.0], "float32")
    first += 1.0
    assert np.array_equal(x.data, [7.0, 8.0, 9.0])
    assert np.array_equal(last.data, [1.0, 0.0])
    x[:2] = first  # no view of x any more
    assert np.array_equal(x.data, [1.0, 1.0, 9.0])


@pytest.mark.parametrize("change", [write, add])
def test_what_has_no_graph_is_written_through_detach(change):
    x = mg.ones(4)
    whole, part = x.detach(), x.detach()[:2]
    x *= 2
    change(whole)
    change(whole[1:])
    part[1:] = 9.0
    assert np.array_equal(x.data, whole.data)
    assert np.array_equal(x.data[:2], part.data)
    assert x.data[1] == 9.0


@pytest.mark.parametrize("change", [write, add])
def test_a_detached_tensor_that_followed_is_still_one(change):
    h = leaf() * 2
    detached = h.detach()
    h += 1.0
    part = detached[:2]
    for x in (detached, part):
        with pytest.raises(GraphError, match="shares the memory of a tensor in a graph"):
            change(x)
    assert np.array_equal(h.data, detached.data)


def test_a_diagonal_of_einsum_is_written_as_numpys_is():
    x = leaf()
    kernel = mg.outer(x, x)
    np.einsum("ii->i", kernel)[:] += x[0]
    assert np.array_equal(kernel.data, np.outer(x.data, x.data) + np.eye(3))
    kernel.sum().backward()
    assert np.array_equal(x.grad, [15.0, 12.0, 12.0])


@pytest.mark.parametrize(
    "copied", [lambda a: a.flatten(), lambda a: +a, lambda a: a.copy(), lambda a: a.astype(a.dtype)]
)
def test_what_numpy_copies_is_no_view(copied):
    x = mg.ones((2, 2))
    y = copied(x)
    y += 1.0
    assert np.array_equal(x.data, np.ones((2, 2)))
    assert not np.shares_memory(copied(x).data, x.data)


def test_values_come_through_the_door_of_all_operands():
    x = mg.zeros(4, dtype="float64")
    x[:] = range(4)
    x[0] = mg.tensor(0.1, dtype="float64")
    x[1:3] = [0.1, 0.2]  # not by way of float32
    assert np.array_equal(x.data, [0.1, 0.1, 0.2, 3.0])
    x[3] = Foreign()
    masked = np.ma.array([1.0, 2.0], mask=[True, False])
    for value, what in [(masked, "mask"), (None, "numbers"), ("3", "numbers"), ((i for i in [1]), "numbers")]:
        with pytest.raises(DTypeError, match=what):
            x[1:3] = value
    assert np.array_equal(x.data, [0.1, 0.1, 0.2, 5.0])


class Foreign:
    """An array of another library: its dtype is none of NumPy's."""

    dtype = "theirs"

    def __array__(self, dtype=None, copy=None):
        return np.array(5.0)


def into_argument(x):
    x[0] = 5.0
    return (x * x).sum()


@pytest.mark.parametrize(
    "call",
    [
        lambda x: mg.grad(into_argument)(x * 2),
        lambda x: mg.value_and_grad(lambda x: into_argument(x[1:]))(x * 2),
        lambda x: mg.hessian(into_argument)(x.data),
        lambda x: mg.jvp(into_argument, (x * 2,), (x.data,)),
        lambda x: mg.checkpoint(into_argument, x * 2),
        lambda x: mg.checkpoint(into_argument, mg.ones(3)),
    ],
)
def test_a_function_that_writes_into_its_argument_is_refused(call):
    with pytest.raises(GraphError, match=r"argument.*x\.copy"):
        call(leaf())


def test_a_checkpoint_that_writes_into_what_is_outside_is_refused():
    x = leaf()
    h = x * 3

    def f(x):
        h[0] = x[1]
        return (h * x).sum()

    z = mg.checkpoint(f, x)
    with pytest.raises(GraphError, match=r"a tensor from outside.*x\.copy"):
        z.backward()
    assert x.grad is None


def test_a_0d_tensor_is_replaced_as_numpys_scalars_are():
    loss = leaf().sum()
    total = loss
    total += 1.0
    assert loss.item() == 6.0
    assert total.item() == 7.0


@pytest.mark.parametrize(
    ("x", "y", "error"),
    [
        (mg.zeros(3), np.ones((2, 3)), ShapeError),
        (mg.zeros(3, dtype="int64"), 0.5, DTypeError),
        (mg.zeros(3), 1j, DTypeError),
    ],
)
def test_a_result_that_does_not_fit_is_refused(x, y, error):
    before = x.data.copy()
    with pytest.raises(error):
        x += y
    with pytest.raises((error, ShapeError)):
        x[:] = y
    assert np.array_equal(x.data, before)


def test_lists_of_tensors_are_written_with_their_gradients():
    x = leaf()
    out = mg.zeros((2, 2))
    out[0] = [x[0] * x[1], 2.0]
    out[1] = (x[2], x[2])
    out.sum().backward()
    assert np.array_equal(x.grad, [2.0, 1.0, 2.0])


@pytest.mark.parametrize("copied", [lambda a: a.copy(), np.copy])
def test_a_copy_has_numpys_layout_which_says_what_is_a_view_of_it(copied):
    array = np.arange(6.0).reshape(2, 3)
    for a in (array.T * 1, mg.tensor(array, requires_grad=True).T * 1):
        made = copied(a)
        flat, columns = made.reshape(-1), made.T.reshape(-1)
        flat[0] = 7.0
        columns[1] = 8.0
        is_row_by_row = copied is not np.copy
        assert made[0, 0].item() == (7.0 if is_row_by_row else 0.0)
        assert made[1, 0].item() == (1.0 if is_row_by_row else 8.0)


def test_neither_views_nor_roots_are_kept():
    h = leaf() * 2
    for _ in range(1000):
        part = h[:2]
    assert len(h._shared) <= 130
    gone = weakref.ref(h)
    del h
    assert gone() is not None  # the view can still be written into
    del part
    assert gone() is None
    h = leaf() * 2
    part, gone = h.detach(), weakref.ref(h)
    del h
    assert gone() is None
    assert part.size == 3


def test_writes_are_linear_in_their_number():
    """Each write adds one node: no copy of the graph, and no views are kept."""
    x = mg.ones(300, requires_grad=True)
    out = mg.zeros(300)
    for i in range(300):
        out[i] = x[i] * i
    nodes, stack = set(), [out._node]
    while stack:
        node = stack.pop()
        if node not in nodes and getattr(node, "edges", None):
            nodes.add(node)
            stack += [edge[0] for edge in node.edges if edge is not None]
    assert len(nodes) == 900  # a getitem, a product and an index_set each


BITS = {
    "and": operator.iand, "or": operator.ior, "xor": operator.ixor, "lshift": operator.ilshift,
    "rshift": operator.irshift,
}  # fmt: skip


@pytest.mark.parametrize("name", BITS)
@pytest.mark.parametrize("dtype", [bool, np.int64])
@pytest.mark.parametrize("wrap", [np.asarray, mg.tensor])
def test_bits_in_place_are_written_as_in_numpy(name, dtype, wrap):
    if dtype is bool and "shift" in name:
        pytest.skip("NumPy shifts no bools")
    x, y = np.array([[3, 0, 1], [2, 5, 1]], dtype), np.array([1, 0, 1], dtype)
    t, again = mg.tensor(x), x.copy()
    other, rows, row = t, t[0], again[0]
    t, again = BITS[name](t, wrap(y)), BITS[name](again, y)
    assert t is other
    assert np.array_equal(t.data, again)
    assert np.array_equal(rows.data, row), "a view follows"
    rows = BITS[name](rows, wrap(y))
    row = BITS[name](row, y)
    assert np.array_equal(t.data, again), "and writes"
    plain = getattr(operator, f"{name}_" if name in ("and", "or") else name)
    for one, two in ((t, wrap(y)), (wrap(y), t)):
        found = plain(one, two)
        assert type(found) is np.ndarray
        assert np.array_equal(found, plain(np.asarray(one), np.asarray(two)))
    if "shift" not in name:
        assert np.array_equal(~t, ~again)


def test_bits_in_place_that_do_not_fit():
    t = mg.tensor(np.array([True, False]))
    with pytest.raises(ShapeError, match="does not hold a result of shape"):
        t |= np.ones((3, 2), bool)
    with pytest.raises(TypeError):
        t |= np.ones(2)


def test_a_write_that_casts_is_refused_where_nothing_is_cast():
    out = mg.zeros(2)
    with mg.strict_dtypes():
        out[0] = 1.5
        with pytest.raises(DTypeError, match=r"float64 is written into float32.*mg.zeros\(n, 'float64'\)"):
            out[1] = mg.tensor(np.ones(1))[0]
        with pytest.raises(DTypeError, match="float64 is written into float32"):
            out[:] = np.ones(2)
    out[:] = np.ones(2)
    assert out.data.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("dtype", ["int8", "uint8", "uint64", "bool"])
def test_whole_numbers_are_written_where_they_fit_and_do_not_wrap(dtype):
    for value in (1, np.int64(1), np.array([0, 1]), [1, 0], mg.tensor(np.array([1, 1]))):
        x = mg.tensor(np.zeros(2, dtype))
        x[...] = value
        np.testing.assert_array_equal(x.data, np.broadcast_to(np.asarray(getattr(value, "data", value)), 2))
        assert x.dtype == dtype
    largest = 1 if dtype == "bool" else int(np.iinfo(dtype).max)
    for stray in [-1] if dtype == "uint64" else [largest + 1, np.array([0, largest + 1]), -129]:
        x = mg.tensor(np.zeros(2, dtype))
        for write, places in (
            (lambda x, _, value: x.__setitem__(..., value), ()),
            (mg.index_set, slice(None)),
            (np.put, [0, 1]),
            (np.putmask, [True, True]),
            (np.insert, 0),
        ):
            with pytest.raises(DTypeError, match=f"{dtype} does not hold (-1|-129|{largest + 1})"):
                write(x, places, stray)
        np.testing.assert_array_equal(x.data, 0)
    if dtype != "bool":
        for write in (np.full_like, np.copyto):
            with pytest.raises(DTypeError, match="does not hold -129"):
                write(mg.tensor(np.zeros(2, dtype)), -129)


def test_an_empty_list_is_written_into_any_dtype():
    x = mg.tensor(np.zeros(3, "uint8"))
    x[x > 1] = []
    x[:0] = []
    np.testing.assert_array_equal(np.insert(x, [], []).data, np.zeros(3, "uint8"), strict=True)


def test_writes_of_whole_numbers_are_looked_at_in_each_replay():
    @mg.compile
    def step(values):
        return mg.index_set(mg.tensor(np.zeros(2, "int8")), slice(None), values)

    for n in range(5):
        np.testing.assert_array_equal(step(np.array([n, 100])).data, [n, 100])
    with pytest.raises(DTypeError, match="int8 does not hold 300"):
        step(np.array([1, 300]))


def test_lists_beside_integers_are_the_integers_that_numpy_makes_of_them():
    large = 2**24 + 1  # which float32 does not hold
    x = mg.tensor(np.array([large, 3]))
    for f in (np.multiply, np.maximum, np.inner, lambda a, b: np.concatenate([a, b]), lambda a, b: np.stack([b, a])):
        z, want = f(x, [large, 1]), f(x.data, [large, 1])
        np.testing.assert_array_equal(z.data, want)
        assert z.dtype == want.dtype
    assert np.concatenate([mg.tensor(np.ones(1, "float16")), [2]]).dtype == np.float16


@pytest.mark.parametrize("strides", [(8, 8), (8, 0), (16, 8), (32, 16), (4, 24), (-24, 0)])
def test_a_write_into_windows_that_overlap_is_refused(strides):
    """It changed one window alone, where NumPy's changes all that share the element."""
    room = np.full(40, 0.0)  # nnfs.init() makes zeros of float32
    t = mg.Tensor(np.lib.stride_tricks.as_strided(room[10:], (3, 3), strides))
    for write in (lambda: t.__setitem__(0, 1.0), lambda: t[1].__setitem__(0, 1.0), lambda: t.__iadd__(1)):
        with pytest.raises(GraphError, match=r"share memory.*x\.copy\(\)"):
            write()
    assert not t.data.any()


@pytest.mark.parametrize("strides", [(24, 8), (-32, 8), (16, 48), (40, 16), (16, 40)])
def test_a_write_into_strides_that_share_nothing_is_made(strides):
    """Of (40, 16) one row begins between two elements of another."""
    t = mg.Tensor(np.lib.stride_tricks.as_strided(np.full(40, 0.0)[10:], (3, 3), strides))
    t[0] = 2.0
    assert t.sum().item() == 6
