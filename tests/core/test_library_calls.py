"""Errors name the function of a library that takes a tensor for a plain array, and what to write instead."""

import sys
import types

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import BatchError, CompileError, GraphError

X = np.array([1.5, 0.8])


def scipy(name):
    return pytest.importorskip(f"scipy.{name}")


#: A call, the function that its error names, and what to write: a namesake, another line, or what is always said.
CALLS = {
    "namesake": (
        lambda t: scipy("signal").lfilter([1.0], [1.0], t),
        "scipy.signal.lfilter",
        "write mg.signal.lfilter;",
    ),
    "wrapper": (lambda t: scipy("linalg").expm(t * np.eye(2)), "scipy.linalg.expm", "write mg.linalg.expm;"),
    "class": (
        lambda t: scipy("interpolate").CubicSpline(np.arange(2.0), t),
        "scipy.interpolate.CubicSpline",
        "write mg.interpolate.CubicSpline;",
    ),
    "row": (
        lambda t: scipy("spatial.transform").Rotation.from_rotvec(mg.concatenate([t, t[:1]])),
        "scipy.spatial.transform.Rotation.from_rotvec",
        "write mg.spatial.Rotation",
    ),
    "row of a module": (lambda t: scipy("ndimage").sobel(t), "scipy.ndimage.sobel", "mg.signal.convolve"),
    "nothing alike": (lambda t: scipy("signal").welch(t), "scipy.signal.welch", "mg.custom_vjp"),
    "np.vectorize": (lambda t: np.vectorize(abs)(t), "np.vectorize", "write mg.vmap"),
    "np.ma": (lambda t: np.ma.masked_array(t, [True, False]), "np.ma.MaskedArray", "mg.where"),
    "np.polynomial": (lambda t: np.polynomial.Polynomial(t), "np.polynomial.", "write mg.polyval"),
    "another library": (lambda t: sys.modules["mine"].public(t), "mine.public", "mg.stack"),
    "its decorated function": (lambda t: sys.modules["mine"].wrapped(t), "mine.wrapped", "mg.stack"),
}


@pytest.fixture(autouse=True)
def _another_library(monkeypatch):
    source = """
def decorator(function):
    def wrapper(x):
        return function(numpy.asarray(x))
    return wrapper

def public(x):
    return _private(x)

def _private(x):
    return numpy.asarray(x)

@decorator
def wrapped(x):
    return x
"""
    inner, outer = types.ModuleType("mine._inner"), types.ModuleType("mine")
    inner.numpy = np
    exec(compile(source, "/python/site-packages/mine/_inner.py", "exec"), vars(inner))
    outer.public, outer.wrapped = inner.public, inner.wrapped
    monkeypatch.setitem(sys.modules, "mine", outer)


@pytest.mark.parametrize("name", CALLS)
def test_where_a_gradient_would_end(name):
    call, called, write = CALLS[name]
    with pytest.raises(GraphError, match=r"lose the gradient in silence") as caught:
        mg.grad(lambda x: np.sum(call(x)))(X)
    assert called in str(caught.value)
    assert write in str(caught.value)


@pytest.mark.parametrize("name", CALLS)
def test_in_a_batch_and_in_a_program(name):
    call, called, write = CALLS[name]
    with pytest.raises(BatchError) as caught:
        mg.vmap(call)(np.stack([X, X]))
    write = write.removesuffix(";").replace("mg.stack", "use functions of NumPy")
    assert called in str(caught.value)
    assert write in str(caught.value)
    with pytest.raises(CompileError, match="plain array") as caught:
        mg.compile(lambda x: call(x * 1.0))(X)
    assert write in str(caught.value)


def test_a_copy_that_a_library_makes():
    with pytest.raises(GraphError, match=r"scipy.integrate.odeint takes plain arrays alone; write mg.odeint"):
        mg.grad(lambda x: scipy("integrate").odeint(lambda y, _: -y, x, [0.0, 1.0]).sum())(X)


def test_the_users_own_lines_are_told_what_they_can_write_there():
    with pytest.raises(GraphError, match=r"silence: join tensors with mg.stack"):
        mg.grad(lambda x: np.asarray(x).sum())(X)
    with pytest.raises(GraphError, match=r"silence: join tensors with mg.stack"):  # called back by a library
        mg.grad(lambda x: np.apply_along_axis(lambda _: np.asarray(x), 0, X).sum())(X)
