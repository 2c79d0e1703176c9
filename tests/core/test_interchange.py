"""Tensors handed to other libraries: the namespace of the standard, devices, DLPack, and numbers of Python's."""

import operator

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import DetachWarning, DTypeError, GraphError, UnsupportedError

X = np.array([[1.0, 2.0], [3.0, 4.0]])


def test_the_namespace():
    import minigrad.array_api

    x = mg.tensor(X)
    assert x.__array_namespace__() is minigrad.array_api
    assert x.__array_namespace__(api_version="2024.12") is minigrad.array_api
    with pytest.raises(UnsupportedError, match="2099"):
        x.__array_namespace__(api_version="2099.12")


def test_devices():
    x = mg.tensor(X)
    assert x.device == "cpu"
    assert x.to_device("cpu") is x
    for given in ({"device": "cuda"}, {"device": "cpu", "stream": 1}):
        with pytest.raises(UnsupportedError):
            x.to_device(given.pop("device"), **given)
    with pytest.raises(AttributeError):
        x.device = "cuda"


def test_matrix_transposes():
    x = mg.tensor(np.arange(24.0).reshape(2, 3, 4), requires_grad=True)
    (x.mT[:, 1, 2] * 5).sum().backward()
    assert x.mT.shape == (2, 4, 3)
    assert x.grad[:, 2, 1].tolist() == [5, 5]
    assert x.grad.sum() == 10
    with pytest.raises(ValueError, match="matrices"):
        mg.tensor([1.0]).mT  # noqa: B018


def test_dlpack_shares_memory_both_ways():
    x = mg.tensor(X)
    array = np.from_dlpack(x)
    assert np.shares_memory(array, x.data)
    lender = X.copy()  # NumPy 2.0 lends no array that it was lent
    back = x.__array_namespace__().from_dlpack(lender)
    assert np.shares_memory(back.data, lender)
    with pytest.raises(GraphError):
        np.from_dlpack(mg.tensor(X, requires_grad=True))
    assert x.__dlpack_device__() == X.__dlpack_device__()


def test_dlpack_to_and_from_torch():
    torch = pytest.importorskip("torch")
    x = mg.tensor(X)
    assert torch.from_dlpack(x).tolist() == X.tolist()
    made = x.__array_namespace__().from_dlpack(torch.tensor([1.0, 2.0]))
    assert made.data.tolist() == [1.0, 2.0]
    assert made.dtype == np.float32


def test_a_shared_array_that_is_written_changes_no_gradient():
    """What others can write to is theirs: a graph keeps a copy."""
    array = X.copy()
    c = mg.tensor(X).__array_namespace__().from_dlpack(array)
    x = mg.tensor(X, requires_grad=True)
    loss = (x * c).sum()
    array[...] = 100.0
    loss.backward()
    assert x.grad.tolist() == X.tolist()


def test_numbers_of_pythons():
    assert operator.index(mg.tensor(np.array(3))) == 3
    assert [10, 20, 30, 40][mg.tensor(np.array(3))] == 40
    assert complex(mg.tensor(np.array(1 + 2j))) == 1 + 2j
    with pytest.raises(TypeError):
        operator.index(mg.tensor(3.0))
    with pytest.raises(DTypeError):
        operator.index(mg.tensor(np.array([3])))
    with pytest.warns(DetachWarning):
        complex(mg.tensor(1.0, requires_grad=True))
