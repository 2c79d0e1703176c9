"""NumPy's functions without a formula: of tensors without a gradient NumPy's own answer, with one a refusal by name."""

import io

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import UnsupportedError

X = np.array([3.0, 1.0, 1.0, 2.0])
M = np.arange(6.0).reshape(2, 3)
MASK = np.array([True, False, True, True])


def into(shape, write):
    """A function that writes into a new array, and gives that."""

    def call(x, m):
        target = np.zeros(shape, dtype=float)
        result = write(target, x, m)
        assert result is None or result is target
        return target

    return call


def augmented(target, other):
    target += other
    return target


CALLS = {
    "np.unique": lambda x, m: np.unique(x),
    "np.unique, counts": lambda x, m: np.unique(x, return_counts=True),
    "np.histogram": lambda x, m: np.histogram(x, 2),
    "np.histogram2d": lambda x, m: np.histogram2d(x, x),
    "np.union1d": lambda x, m: np.union1d(x, [7.0]),
    "np.setdiff1d": lambda x, m: np.setdiff1d(x, [1.0]),
    "np.emath.sqrt": lambda x, m: np.emath.sqrt(-x),
    "np.linalg.svd": lambda x, m: np.linalg.svd(m)[1],
    "np.linalg.svd, vectors": lambda x, m: np.abs(np.linalg.svd(m).Vh),
    "np.add.at": into(4, lambda a, x, m: np.add.at(a, [0, 0, 1, 2], x)),
    "np.exp, out": into(4, lambda a, x, m: np.exp(x, out=a)),
    "np.exp, out by position": into(4, lambda a, x, m: np.exp(x, a)),
    "np.add, out": into((2, 3), lambda a, x, m: np.add(m, m, out=a)),
    "array += tensor": into(4, lambda a, x, m: augmented(a, x)),
    "np.matmul, out": into((2, 2), lambda a, x, m: np.matmul(m, m.T, out=a)),
    "np.einsum, out": into((), lambda a, x, m: np.einsum("i,i", x, x, out=a)),
    "np.concatenate, out": into(8, lambda a, x, m: np.concatenate([x, x], out=a)),
    "np.stack, out": into((2, 4), lambda a, x, m: np.stack([x, x], out=a)),
    "np.cumsum, out": into(4, lambda a, x, m: np.cumsum(x, out=a)),
    "np.clip, out": into(4, lambda a, x, m: np.clip(x, 0, 2, out=a)),
    "np.sum, out": into((), lambda a, x, m: np.sum(x, out=a)),
    "np.copyto": into(4, lambda a, x, m: np.copyto(a, x)),
    "np.put": into(4, lambda a, x, m: np.put(a, [0, 1, 2, 3], x)),
    "np.place": into(4, lambda a, x, m: np.place(a, MASK, x)),
    "np.exp, where": into(4, lambda a, x, m: np.exp(x, where=MASK, out=a)),
    "np.sum, dtype": lambda x, m: np.sum(x, dtype=int),
    "np.concatenate, dtype": lambda x, m: np.concatenate([x, x], dtype=int, casting="unsafe"),
    "np.reshape, order": lambda x, m: np.reshape(m, (3, 2), order="A"),
    "np.ravel, order": lambda x, m: np.ravel(m, order="K"),
    "np.fft.fft, out": lambda x, m: np.fft.fft(x, out=np.zeros(4, complex)),
    "np.pad, a function": lambda x, m: np.pad(x, 1, lambda *_: None),
}


@pytest.mark.parametrize("case", CALLS)
def test_without_a_gradient_the_answer_is_numpys(case):
    want = CALLS[case](X, M)
    got = CALLS[case](mg.tensor(X), mg.tensor(M))
    for one, other in zip(
        got if isinstance(got, tuple) else [got], want if isinstance(want, tuple) else [want], strict=True
    ):
        assert type(one) is type(other)
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("case", CALLS)
def test_with_a_gradient_it_is_refused_and_nothing_is_written(case):
    x, m = mg.tensor(X, requires_grad=True), mg.tensor(M, requires_grad=True)
    with pytest.raises(UnsupportedError):
        CALLS[case](x, m)
    with pytest.raises(UnsupportedError):
        CALLS[case](x * 1, m * 1)
    assert x.tolist() == X.tolist()


def test_files_of_numpy():
    for save, load in ((np.save, np.load), (np.savetxt, np.loadtxt)):
        file = io.BytesIO()
        save(file, mg.tensor(X))
        file.seek(0)
        np.testing.assert_array_equal(load(file), X)
        with pytest.raises(UnsupportedError):
            save(io.BytesIO(), mg.tensor(X, requires_grad=True))
    file = io.BytesIO()
    np.savez(file, x=mg.tensor(X))
    file.seek(0)
    np.testing.assert_array_equal(np.load(file)["x"], X)


def test_one_gradient_among_the_arguments_is_enough():
    a, g = mg.tensor(X), mg.tensor(X, requires_grad=True)
    for call in (
        lambda: np.add(a, g, out=np.zeros(4)),
        lambda: np.union1d(a, g),
        lambda: np.concatenate([a, g], dtype=int, casting="unsafe"),
        lambda: np.histogram(g, weights=a),
        lambda: np.gcd.outer(a, g),
    ):
        with pytest.raises(UnsupportedError):
            call()


def test_a_plain_answer_is_not_written_into_a_tensor():
    t = mg.tensor(X)
    for call in (
        lambda: np.greater(X, X, out=t),
        lambda: np.isnan(t, out=t),
        lambda: np.argmax(np.ones((2, 4)), 0, out=t),
        lambda: np.logical_or.reduce(np.ones((2, 4)), 0, out=t),
    ):
        with pytest.raises(UnsupportedError):
            call()
    assert t.tolist() == X.tolist()


def test_a_compiled_step_is_never_answered_with_a_constant():
    weights = mg.tensor(X)
    step = mg.compile(lambda x: x * float(np.unique(weights)[0]), backend="numpy")
    with pytest.raises(mg.errors.CompileError):
        step(mg.tensor(X))


# -- the names of others --------------------------------------------------------------------------

SPECIAL = ["wofz", "mathieu_a", "voigt_profile"]


@pytest.mark.parametrize("name", SPECIAL)
def test_scipys_functions_have_their_own_names(name):
    function = getattr(pytest.importorskip("scipy.special"), name)
    with pytest.raises(UnsupportedError) as caught:
        function(mg.tensor(X / 9, requires_grad=True), *[1.0] * (function.nin - 1))
    assert str(caught.value).startswith(f"scipy.special.{name} has no gradient formula")
    assert "minigrad.primitive" in str(caught.value)
    assert "np." not in str(caught.value)
    plain = mg.tensor(X / 9)
    np.testing.assert_array_equal(
        function(plain, *[1.0] * (function.nin - 1)), function(X / 9, *[1.0] * (function.nin - 1))
    )


def test_scipys_functions_of_two_arguments_and_methods():
    special = pytest.importorskip("scipy.special")
    x = mg.tensor(X, requires_grad=True)
    for call, words in (
        (lambda: special.wright_bessel(x, 1.0, X), "scipy.special.wright_bessel has"),
        (lambda: special.xlogy(X, x, where=X > 0), r"scipy.special.xlogy\(where=...\) without out="),
        (lambda: special.xlogy.at(X.copy(), 0, x[0]), "scipy.special.xlogy.at into a plain array"),
        (lambda: np.frompyfunc(lambda a: a, 1, 1)(x), "the ufunc <lambda> "),
        (lambda: np.emath.sqrt(x), "np.emath.sqrt has"),
    ):
        with pytest.raises(UnsupportedError, match=words):
            call()


WIDER = {
    "initial of a sum": lambda x, _: np.sum(x, initial=2.5),
    "initial of a product": lambda x, _: np.prod(x, initial=2.5),
    "initial of a maximum": lambda x, _: np.max(x, initial=2.5),
    "initial of a minimum": lambda x, _: np.min(x, initial=2.5),
    "initial of a nansum": lambda x, _: np.nansum(x, initial=2),
    "ends": lambda x, y: np.ediff1d(x, x[:1], y[:1].astype(x.dtype)),
    "a wider end": lambda x, y: np.ediff1d(x, y[:2]) if x.dtype.kind == "f" else x,
    "wider coordinates": lambda x, y: np.gradient(x, y) if x.dtype.kind == "f" else x,
    "wider coordinates of an axis": lambda x, y: np.gradient(np.stack([x, x]), y, axis=1) if x.dtype.kind == "f" else x,
}


@pytest.mark.parametrize("dtype", ["u1", "i4", "i8", "f2", "f4", "f8"])
@pytest.mark.parametrize("name", WIDER)
def test_what_stands_beside_an_array_does_not_widen_it(name, dtype):
    x, y = np.array([1, 3, 2, 7]).astype(dtype), np.array([0.5, 1.5, 2.0, 4.0])
    want, got = WIDER[name](x, y), WIDER[name](mg.tensor(x), mg.tensor(y)).data
    assert got.dtype == want.dtype
    np.testing.assert_allclose(got, want, rtol=1e-2 if dtype == "f2" else 1e-6)
