"""What every comparison with PyTorch is made of: rows of (ours, PyTorch's, inputs), compared to the second order."""

import os

import numpy as np
import pytest

import minigrad as mg

if os.environ.get("MINIGRAD_REQUIRE_TORCH"):  # set where torch was just installed: nothing is skipped unseen
    import torch
else:
    torch = pytest.importorskip("torch", reason="the differential tests need torch (pip install torch==2.13.0)")


def gradients(library, f, arrays, cotangent, direction):
    """Value, first gradients in the direction of a cotangent, second gradients along a direction."""
    if library is torch:
        tensor, grad = (lambda a: torch.tensor(a, requires_grad=True)), torch.autograd.grad
        as_array, constant = (lambda t: t.numpy(force=True)), torch.tensor
        second = {"materialize_grads": True, "allow_unused": True}
    else:
        tensor, grad = (lambda a: mg.tensor(a, requires_grad=True)), mg.autograd.grad
        as_array, constant = (lambda t: t.data), mg.tensor
        second = {"allow_unused": True}
    xs = [tensor(a) for a in arrays]
    g = tensor(cotangent)
    z = f(*xs)
    first = list(grad(z, xs, g, create_graph=True))
    inner = sum((d * constant(v)).sum() for d, v in zip(first, direction, strict=True))
    found = list(grad(inner, [*xs, g], **second)) if inner.requires_grad else [None] * (len(xs) + 1)
    zeros = [np.zeros_like(a) for a in (*arrays, cotangent)]
    return (
        as_array(z),
        [as_array(d) for d in first],
        [zero if d is None else as_array(d) for d, zero in zip(found, zeros, strict=True)],
    )


def compare(row):
    """In float64, with a random cotangent; the second gradients with respect to inputs and cotangent."""
    ours, theirs, arrays = row
    rng = np.random.default_rng(1)
    cotangent = rng.normal(size=np.shape(ours(*map(mg.tensor, arrays)).data))
    direction = [rng.normal(size=a.shape) for a in arrays]
    got = gradients(mg, ours, arrays, cotangent, direction)
    expected = gradients(torch, theirs, arrays, cotangent, direction)
    np.testing.assert_allclose(got[0], expected[0], rtol=1e-12, atol=1e-14, err_msg="value")
    for order, name in ((1, "first"), (2, "second")):
        for i, (one, two) in enumerate(zip(got[order], expected[order], strict=True)):
            assert one.shape == two.shape
            np.testing.assert_allclose(one, two, rtol=1e-10, atol=1e-12, err_msg=f"{name} gradient, argument {i}")
