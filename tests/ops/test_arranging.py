"""Shaping, arranging, splitting, padding, indexing and gathering: options, special cases and errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.errors import DTypeError, GraphError, HyperparameterError, MinigradError, ShapeError, UnsupportedError
from minigrad.kernels.scattering import positions
from minigrad.ops import arranging as rows
from minigrad.testing import check_gradients
from minigrad.testing.strategies import indices, shapes
from tests.ops.families import properties_of

test_properties = properties_of(rows)

A = np.arange(12.0).reshape(3, 4)
CUBE = np.arange(24.0).reshape(2, 3, 4)


def leaf(values, dtype=float):
    return mg.tensor(np.array(values, dtype), requires_grad=True)


def gradient(f, *values):
    """The gradients of the sum of f at points, as lists."""
    xs = [leaf(v) for v in values]
    f(*xs).sum().backward()
    return [None if x.grad is None else x.grad.tolist() for x in xs]


NUMPYS = [
    (np.ravel, [A], {"order": "F"}),
    (np.ravel, [CUBE], {"order": "F"}),
    (np.moveaxis, [CUBE, [0, -1], [-1, 0]], {}),
    (np.moveaxis, [CUBE, 0, 1], {}),
    (np.rollaxis, [CUBE, -1], {}),
    (np.rollaxis, [CUBE, 0, 3], {}),
    (np.rollaxis, [CUBE, 0, -1], {}),
    (np.rollaxis, [CUBE, 1, 1], {}),
    (np.atleast_3d, [A[0]], {}),
    (np.atleast_3d, [A], {}),
    (np.flip, [CUBE], {"axis": (0, -1)}),
    (np.roll, [A, 5], {}),
    (np.roll, [A, (1, -6), (1, 0)], {}),
    (np.roll, [A, 1, (0, 1)], {}),
    (np.roll, [A, (1, 1), 0], {}),
    (np.rot90, [CUBE, -1, (2, 0)], {}),
    (np.tile, [A, ()], {}),
    (np.tile, [A, 2], {}),
    (np.tile, [A, (2, 0, 1)], {}),
    (np.repeat, [A, [2]], {}),
    (np.repeat, [A, [1, 0, 3]], {"axis": 0}),
    (np.repeat, [np.array(5.0), 3], {}),
    (np.column_stack, [[A[0], A.T[:, :1]]], {}),
    (np.vstack, [CUBE], {}),
    (np.append, [A, 7.0], {}),
    (np.append, [A, A[:1]], {"axis": 0}),
    (np.block, [[A, A]], {}),
    (np.block, [[[A], [A]]], {}),
    (np.block, [[1.0, A[0]]], {}),
    (np.block, [A], {}),
    (np.block, [[[CUBE, CUBE]]], {}),
    (np.resize, [A, (5, 7)], {}),
    (np.resize, [A, 5], {}),
    (np.resize, [A, ()], {}),
    (np.resize, [np.zeros((0, 2), float), (2, 3)], {}),
    (np.resize, [A, (0, 2)], {}),
    (np.trim_zeros, [np.array([0, 0, 1.0, 0, 2, 0])], {}),
    (np.trim_zeros, [np.array([0, 0, 1.0, 0, 2, 0]), "b"], {}),
    (np.trim_zeros, [np.array([0, 0, 1.0, 0, 2, 0]), "F"], {}),
    (np.trim_zeros, [np.zeros(3, float)], {}),
    (np.trim_zeros, [np.zeros(0, float)], {}),
    (np.diagonal, [CUBE, -1, 2, 0], {}),
    (np.diagonal, [A, 9], {}),
    (np.diag, [A[0], -1], {}),
    (np.diag, [A], {"k": 2}),
    (np.diagflat, [A], {"k": 1}),
    (np.diagflat, [np.array(3.0)], {}),
    (np.tril, [A[0]], {}),
    (np.triu, [A[0], 1], {}),
    (np.triu, [CUBE], {"k": -1}),
    (np.trace, [CUBE], {"offset": 1, "axis1": 2, "axis2": 1}),
    (np.insert, [A, 1, 9.0], {}),
    (np.insert, [A, 1, 9.0], {"axis": 1}),
    (np.insert, [A, 1, [7.0, 8, 9]], {"axis": 1}),
    (np.insert, [A, [1], [[7.0], [8], [9]]], {"axis": 1}),
    (np.insert, [A, -1, A[0]], {"axis": 0}),
    (np.insert, [A, [1, 1, 3], [7.0, 8, 9]], {"axis": 1}),
    (np.insert, [A, [3, 0], 5.0], {"axis": 1}),
    (np.insert, [A, slice(1, 3), [7.0, 8]], {"axis": 1}),
    (np.insert, [A[0], 2, [7.0, 8, 9]], {}),
    (np.insert, [A[0], [], 7.0], {}),
    (np.delete, [A, 1], {}),
    (np.delete, [A, -1], {"axis": 1}),
    (np.delete, [A, slice(None, None, 2)], {"axis": 1}),
    (np.delete, [A, []], {"axis": 0}),
    (np.delete, [A, [True, False, True]], {"axis": 0}),
    (np.copy, [A], {}),
    (np.copy, [np.array(2.0)], {}),
    (np.array_split, [A, 3, 1], {}),
    (np.array_split, [A, [2, 1, -1], 1], {}),
    (np.array_split, [A, 5], {}),
    (np.split, [A, (1, 2)], {}),
    (np.hsplit, [A[0], 2], {}),
    (np.hsplit, [A, [3]], {}),
    (np.vsplit, [A, 3], {}),
    (np.dsplit, [CUBE, 2], {}),
    (np.pad, [A, 0], {}),
    (np.pad, [A, 2], {"constant_values": ((1, 2), (3, 4))}),
    (np.pad, [A, ((1, 0), (2, 3))], {"mode": "linear_ramp", "end_values": ((5, -4), (1, 2))}),
    (np.pad, [A, ((1,), (2,))], {"mode": "edge"}),
    (np.pad, [A, (0, 9)], {"mode": "reflect", "reflect_type": "odd"}),
    (np.pad, [A, (9, 7)], {"mode": "symmetric", "reflect_type": "odd"}),
    (np.pad, [A, (9, 7)], {"mode": "wrap"}),
    (np.pad, [A[:, :1], (2, 1)], {"mode": "reflect", "reflect_type": "odd"}),
    (np.pad, [np.zeros((0, 3), float), ((0, 0), (1, 1))], {"mode": "edge"}),
    (np.pad, [A, 2], {"mode": "mean", "stat_length": ((1, 2), (3, 99))}),
    (np.pad, [A, 2], {"mode": "maximum"}),
    (np.take, [A, -1], {}),
    (np.take, [A, [[0, 1], [1, 0]]], {"axis": 1}),
    (np.take, [A, [5, -5]], {"axis": 1, "mode": "wrap"}),
    (np.take, [A, [5, -5]], {"axis": 1, "mode": "clip"}),
    (np.take, [A, np.zeros(0, int)], {"axis": 0}),
    (np.take, [np.array(3.0), [0, 0]], {}),
    (np.take_along_axis, [A, np.argsort(-A, 1)], {"axis": 1}),
    (np.take_along_axis, [A, np.array([[0, -1]])], {"axis": 1}),
    (np.take_along_axis, [A, np.array([0, 7])], {"axis": None}),
    (np.compress, [[0, 1], A], {}),
    (np.compress, [[True, False, True], A], {"axis": -2}),
    (np.extract, [A > 4, A], {}),
    (np.choose, [np.array([0, 1, 1, 0]), [A[0], A]], {}),
    (np.choose, [np.array([-1, 5, 1, 0]), A[:2]], {"mode": "clip"}),
    (np.choose, [np.array([-1, 5, 1, 0]), [A[0], A[1]]], {"mode": "wrap"}),
    (np.interp, [A, [1.0, 2, 6], [5.0, 1, 2]], {}),
    (np.interp, [A, [1.0, 2, 6], [5.0, 1, 2]], {"left": -1, "right": 0.5}),
    (np.interp, [A - 4, [3.0, 5, 1], [5.0, 1, 2]], {"period": -5}),
    (np.interp, [A, [3.0], [5.0]], {"left": 0}),
    (np.interp, [A, [3.0, 3], [5.0, 6]], {}),
    (np.interp, [np.array([np.nan, np.inf, -np.inf]), [3.0, 4], [5.0, 6]], {}),
]


@pytest.mark.parametrize(
    ("function", "args", "options"), NUMPYS, ids=[f"{f.__name__}-{i}" for i, (f, *_) in enumerate(NUMPYS)]
)
def test_as_numpy_for_every_option(function, args, options):
    """np.f of tensors, positional and by name, has NumPy's values; so has mg.f of arrays."""

    def in_tensors(value):
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            return leaf(value)
        return [in_tensors(v) for v in value] if isinstance(value, list) else value

    want = function(*args, **options)
    for got in (function(*map(in_tensors, args), **options), getattr(mg, function.__name__)(*args, **options)):
        several = isinstance(want, (list, tuple))
        assert isinstance(got, (list, tuple)) is several
        for z, w in zip(got if several else [got], want if several else [want], strict=True):
            assert np.shape(z) == np.shape(w)
            np.testing.assert_allclose(z.data if isinstance(z, mg.Tensor) else z, w, rtol=1e-14, atol=1e-14)


def test_functions_of_several_arrays_answer_with_as_many():
    x, y = leaf(2.0), leaf([1.0, 2.0])
    for f, ndim in ((np.atleast_1d, 1), (np.atleast_2d, 2), (np.atleast_3d, 3)):
        made = f(x, y)
        assert isinstance(made, tuple)
        assert [z.ndim for z in made] == [ndim, ndim]
        assert f(x).ndim == ndim
    assert [z.shape for z in np.broadcast_arrays(x, y, np.ones((3, 1)))] == [(3, 2)] * 3
    assert [z.shape for z in np.meshgrid(x, y, sparse=True)] == [(1, 1), (2, 1)]
    assert [z.shape for z in np.meshgrid(y, leaf(A[0]), copy=False, indexing="ij")] == [(2, 4)] * 2
    assert np.meshgrid(y)[0].shape == (2,)
    assert mg.meshgrid() == ()


def test_matrix_transpose_and_unstack():
    assert np.matrix_transpose(leaf(CUBE)).shape == (2, 4, 3)
    parts = mg.unstack(leaf(CUBE), axis=-1)
    assert isinstance(parts, tuple)
    assert [z.shape for z in parts] == [(2, 3)] * 4
    if hasattr(np, "unstack"):
        assert np.unstack(leaf(A))[1].tolist() == A[1].tolist()


def test_second_names():
    assert mg.concat is mg.concatenate
    assert np.concat([leaf([1]), leaf([2])]).tolist() == [1, 2]
    assert np.permute_dims(leaf(A)).shape == (4, 3)


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.2.0", reason="np.trim_zeros is of vectors before 2.2")
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 1), ()])
@pytest.mark.parametrize("trim", ["fb", "f", "b"])
def test_trim_zeros_of_more_axes(trim, axis):
    x = np.zeros((5, 6), float)
    x[1:3, 2:5] = [[0, 1, 0], [2, 0, 0]]
    np.testing.assert_array_equal(np.trim_zeros(leaf(x), trim, axis=axis).data, np.trim_zeros(x, trim, axis=axis))


# -- what the arrays are made of ------------------------------------------------------------------


def test_integers_and_bools_stay_what_they_are():
    numbers = mg.tensor(np.arange(6).reshape(2, 3))
    for z in (np.tril(numbers), np.tile(numbers, 2), np.take(numbers, [0, 0]), np.pad(numbers, 1), np.diag(numbers)):
        assert z.dtype == numbers.dtype
    assert mg.triu(np.ones((2, 2), bool)).dtype == bool
    assert mg.index_add(np.zeros(3, int), [0, 0], 2).tolist() == [4, 0, 0]


def test_float32_stays_with_python_numbers():
    x = leaf([1.0, 2.0, 3.0], "f4")
    made = [
        mg.pad(x, 1, constant_values=2.5), mg.pad(x, 2, "linear_ramp", end_values=0.1), mg.pad(x, 9, "mean"),
        mg.pad(x, 9, "reflect", reflect_type="odd"), mg.index_set(x, 0, 2.5), mg.index_add(x, [0, 0], 2.5),
        mg.insert(x, 1, 2.5), mg.interp(x, [0, 5], [1, 2]), mg.interp(2, x, [1, 2, 5], left=0.1, right=1),
        mg.interp([1, 2], [1, 2], x[:2]), mg.interp(x, [0, 3, 4], np.arange(3), period=5.5), mg.resize(x[:0], 3),
    ]  # fmt: skip
    for z in made:
        assert z.dtype == np.float32
    sum(z.sum() for z in made).backward()
    assert x.grad.dtype == np.float32


def test_values_are_cast_to_the_dtype_of_the_array_they_are_written_to():
    x, v = leaf([1, 2, 3], "f4"), leaf([0.1, 0.2])
    for z in (mg.index_set(x, [0, 1], v), mg.index_add(x, [0, 1], v), mg.insert(x, [0, 1], v)):
        assert z.dtype == np.float32
        z.sum().backward()
    assert v.grad.tolist() == [3, 3]
    for f in (mg.index_set, mg.index_add):
        with pytest.raises(DTypeError, match=r"astype\('float64'\)"):
            f(np.arange(3), 0, v[0])


# -- indexing -------------------------------------------------------------------------------------


@given(st.data())
def test_positions_are_what_an_index_reads(data):
    shape = data.draw(shapes())
    index = data.draw(indices(shape))
    if shape and 0 not in shape and data.draw(st.booleans()):  # arrays side by side, which take the short way
        start = data.draw(st.integers(0, len(shape) - 1))
        end = data.draw(st.integers(start + 1, len(shape)))
        rng = np.random.default_rng(data.draw(st.integers(0, 99)))
        index = (slice(None),) * start + tuple(rng.integers(-n, n, (2, 3)) for n in shape[start:end])
    want = np.arange(int(np.prod(shape))).reshape(shape)[index]
    np.testing.assert_array_equal(positions(index, shape), want)


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "i4"])
@pytest.mark.parametrize("shape", [(5,), (5, 3), (2, 5, 3)])
def test_put_adds_up_what_is_repeated(shape, dtype):
    rng = np.random.default_rng(0)
    index = (*(slice(None) for _ in shape[:-2]), rng.integers(-5, 5, 100))
    x = rng.integers(-9, 9, np.zeros(shape, dtype)[index].shape).astype(dtype)  # sums of integers are exact
    want = np.zeros(shape, dtype)
    np.add.at(want, index, x)
    got = mg.put(x, index, shape)
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)


def test_take_adds_up_where_each_mode_takes():
    for mode, want in (("raise", [0, 2, 1]), ("wrap", [1, 2, 0]), ("clip", [1, 0, 2])):
        rows = [1, -1, -2] if mode == "raise" else [4, 3, -2] if mode == "wrap" else [9, 2, -1]
        assert gradient(lambda x, rows=rows, mode=mode: mg.take(x, rows, 0, mode), [1, 2, 3]) == [want]


def test_put_of_more_rows_than_are_added_at_a_time():
    rng = np.random.default_rng(0)
    index, x = rng.integers(0, 7, 5000), rng.integers(-9, 9, (5000, 20)).astype("f4")
    want = np.zeros((7, 20), "f4")
    np.add.at(want, index, x)
    np.testing.assert_array_equal(mg.put(x, index, (7, 20)), want)


def test_put_checks_its_index():
    for bad in (5, -6):
        with pytest.raises(IndexError, match="out of bounds"):
            mg.put(np.ones((1, 2)), np.array([bad]), (5, 2))


def test_of_repeated_elements_the_last_value_stays_and_has_the_gradient():
    x, v = leaf([1, 2, 3]), leaf([10, 20, 30])
    z = mg.index_set(x, [0, 2, 0], v)
    assert z.tolist() == [30, 2, 20]
    z.sum().backward()
    assert x.grad.tolist() == [0, 1, 0]
    assert v.grad.tolist() == [0, 1, 1]
    # In the order of the index, however its memory and that of the values are laid out.
    index = np.asfortranarray([[0, 0], [1, 0]])
    values = np.asfortranarray([[1.0, 2.0], [3.0, 4.0]])
    assert mg.index_set(np.zeros(2, float), index, values).tolist() == [4, 3]
    assert gradient(lambda x, v: mg.index_set(x, index, v), [0, 0], values) == [[0, 0], [[0, 0], [1, 1]]]


def test_repeated_elements_are_written_in_any_layout_of_memory():
    for x in (np.asfortranarray(A), A[::-1], A.T):
        z = mg.index_set(x, ([0, 0], [1, 1]), [7.0, 9.0])
        assert z[0, 1] == 9
        assert (np.delete(z.ravel(), 1) == np.delete(x.ravel(), 1)).all()


def test_written_values_broadcast_and_may_have_axes_in_front():
    assert gradient(lambda x, v: mg.index_set(x, 0, v), A, [[[5]]])[1] == [[[4]]]
    assert gradient(lambda x, v: mg.index_add(x, [0, 0], v), A, [[1, 2, 3, 4]])[1] == [[2, 2, 2, 2]]
    assert gradient(lambda x, v: mg.index_set(x, (), v), 3, [5]) == [0, [1]]
    check_gradients(lambda x, v: mg.index_set(x, ([0, 0], [1, 1]), v) ** 3, A, np.array([[2.0]]))


def test_an_index_may_hold_tensors():
    rows = mg.tensor(np.array([0, 2, 0]))
    assert mg.index_add(np.zeros(3, float), rows, leaf([1, 2, 3])).tolist() == [4, 0, 2]
    assert mg.index_set(leaf(A), (rows, 1), 0.0)[2, 1].item() == 0
    assert np.take(leaf(A), rows, 0).shape == (3, 4)
    assert np.compress(mg.tensor([True, False, True]), leaf(A), 0).shape == (2, 4)


def test_nothing_flows_to_what_was_written_over():
    """A singular value that is replaced has the gradient 0, not NaN."""
    mask = np.array([True, False])
    with np.errstate(all="ignore"):
        assert gradient(lambda x: mg.index_set(mg.log(x), mask, 0.0), [0, 2]) == [[0, 0.5]]
        assert gradient(lambda x: mg.take(mg.sqrt(x), [1, 1]), [0, 4]) == [[0, 0.5]]
        assert gradient(lambda x: mg.tril(mg.sqrt(x)), [[4, 0], [4, 4]]) == [[[0.25, 0], [0.25, 0.25]]]
        assert gradient(lambda x: mg.diagonal(mg.sqrt(x)), [[4, 0], [0, 4]]) == [[[0.25, 0], [0, 0.25]]]
        assert gradient(lambda x: mg.roll(mg.take(mg.sqrt(x), [1]), 1), [0, 4]) == [[0, 0.25]]


@pytest.mark.parametrize("order", ["C", "F", "A", "K"])
def test_copies_have_numpys_layout(order):
    for array in (A, A.T):
        copy, want = np.copy(mg.Tensor(array), order=order), np.copy(array, order=order)
        np.testing.assert_array_equal(copy.data, want)
        assert copy.data.strides == want.strides


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.place(A, A > 1, x),
        lambda x: np.putmask(A, A > 1, x),
        lambda x: np.put(A, [0], x),
        lambda x: np.copyto(A, x),
        lambda x: np.put_along_axis(A, np.zeros((3, 1), int), x[:, :1], 1),
        lambda x: np.take(x, [0], out=np.zeros(1)),
        lambda x: np.compress([True], x, 0, np.zeros((1, 4))),
        lambda x: np.choose(np.zeros(4, int), [x[0]], out=np.zeros(4)),
    ],
)
def test_what_writes_into_an_array_is_refused_by_name(call):
    before = A.copy()
    with pytest.raises(UnsupportedError, match=r"^np\.\w+"):
        call(leaf(A))
    assert before.tolist() == A.tolist()


# -- padding --------------------------------------------------------------------------------------


def test_pad_takes_a_width_for_each_axis_in_a_dict():
    want = np.pad(CUBE, ((0, 0), (2, 2), (1, 3)), "edge")
    np.testing.assert_array_equal(mg.pad(leaf(CUBE), {1: 2, -1: (1, 3)}, "edge").data, want)


def test_pad_with_a_tensor_as_constant():
    assert gradient(lambda x, c: mg.pad(x, (1, 2), constant_values=c), [4, 5], 7) == [[1, 1], 3]
    check_gradients(lambda x, c: mg.pad(x, ((1, 2), (0, 1)), constant_values=c) ** 2, A, 7.0)
    with pytest.raises(GraphError, match="constant_values"):
        mg.pad(leaf(A), 1, constant_values=leaf([1, 2]))
    with pytest.raises(GraphError):
        mg.pad(leaf(A), 1, "linear_ramp", end_values=leaf([1, 2]))


def test_the_gradient_of_an_empty_border_is_that_of_the_inside():
    x = leaf(A)
    z = np.pad(x, ((1, 2), (0, 1)), mode="empty")
    assert z.shape == (6, 5)
    assert z[1:4, :4].tolist() == A.tolist()
    z.sum().backward()
    assert x.grad.tolist() == np.ones((3, 4)).tolist()


def test_an_infinite_element_stays_out_of_the_border_on_the_other_side():
    z = mg.pad(leaf([1, 2, np.inf]), (1, 0), "edge")
    assert z.tolist() == [1, 1, 2, np.inf]


# -- interpolation --------------------------------------------------------------------------------


def test_interpolation_at_and_beyond_its_points():
    xp, fp = [0.0, 1, 3], [0.0, 2, 8]
    slopes = gradient(lambda x: mg.interp(x, xp, fp), [-1, 0, 0.5, 1, 3, 4])
    assert slopes == [[0, 2, 2, 3, 0, 0]]
    x, xp, fp = gradient(mg.interp, [-1, 0.5, 3, 9], xp, fp)
    assert x == [0, 2, 0, 0]
    assert xp == [-1, -1, 0]
    assert fp == [1.5, 0.5, 2]
    left, right = gradient(lambda a, b: mg.interp([-1.0, 0, 3, 4, 5], [0, 3], [1, 2], a, b), 7, 8)
    assert (left, right) == (1, 2)


# -- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: np.ravel(x, "K"), "order='C'"),
        (lambda x: np.moveaxis(x, 0, (0, 1)), "as many destinations"),
        (lambda x: np.matrix_transpose(x[0]), "at least 2 axes"),
        (lambda x: np.broadcast_arrays(x, x[:, 1:]), "broadcast"),
        (lambda x: np.resize(x, (-1, 2)), "negative"),
        (lambda x: np.block([[x], x]), "equally deep"),
        (lambda x: np.block([[x], []]), "empty list"),
        (lambda x: mg.block([(x, x)]), "tuple of 2"),
        (lambda x: np.meshgrid(x[0], indexing="no"), "'ij'"),
        (lambda x: np.trim_zeros(x[0], "c"), "trim='f'"),
        (lambda x: np.diag(np.reshape(x, (1, 3, 4))), "diagflat"),
        (lambda x: np.tril(x[0, 0]), "at least one axis"),
        (lambda x: np.split(x, 2), "array_split"),
        (lambda x: np.array_split(x, 0), "at least 1 part"),
        (lambda x: np.hsplit(x[0, 0], 1), "at least 1 axes"),
        (lambda x: np.vsplit(x[0], 2), "at least 2 axes"),
        (lambda x: np.dsplit(x, 2), "at least 3 axes"),
        (lambda x: mg.unstack(x[0, 0]), "at least one axis"),
        (lambda x: np.pad(x, 1.5), "integers"),
        (lambda x: np.pad(x, -1), r"x\[1:-1\]"),
        (lambda x: np.pad(x, (1, 2, 3)), "2 axes"),
        (lambda x: np.pad(x, 1, "no"), "edge"),
        (lambda x: np.pad(x, 1, lambda *_: None), "edge"),
        (lambda x: np.pad(x, 1, "edge", stat_length=1), "stat_length"),
        (lambda x: np.pad(x, 1, "reflect", reflect_type="no"), "'even'"),
        (lambda x: np.pad(x, 1, "mean", stat_length=0), "at least 1"),
        (lambda x: np.pad(x[:0], 1, "edge"), "empty axis"),
        (lambda x: mg.pad(x.data.astype(int), 1, "mean"), "astype"),
        (lambda x: np.take_along_axis(x, np.zeros(2, int), 0), "as many axes"),
        (lambda x: np.take_along_axis(x, A, 0), "integers"),
        (lambda x: np.compress(A > 1, x), "vector"),
        (lambda x: np.choose(A[0], [x]), "integers"),
        (lambda x: np.interp(x, [1.0, 2], [1.0]), "one size"),
        (lambda x: np.interp(x, [], []), "one size"),
        (lambda x: np.interp(x, [1.0], [1.0], period=0), "period"),
    ],
)
def test_errors_say_what_to_write(call, message):
    with pytest.raises(MinigradError, match=message) as caught:
        call(leaf(A))
    assert isinstance(caught.value, (ShapeError, DTypeError, UnsupportedError, HyperparameterError))


def test_choose_and_take_check_their_indices():
    for call in (lambda: np.choose(np.array([2]), [leaf([1])]), lambda: np.take(leaf([1]), [3])):
        with pytest.raises(IndexError):
            call()
