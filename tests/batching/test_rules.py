"""Every op of the table under ``vmap``, against a loop over the members: values and gradients of two orders."""

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings

import minigrad as mg
from minigrad.core.table import builtin, derived_ops, ops
from minigrad.errors import BatchError, MinigradError
from tests.samples import samples

MEMBERS = 3
TABLE = sorted({*(name for name, f in ops.items() if name in builtin and hasattr(f, "op")), *derived_ops})


def members_of(x):
    """Arrays that are alike, so that all lie in the domain; None for what has no gradient, and is one for all."""
    return np.stack([x * (1 - 1e-3 * i) for i in range(MEMBERS)]) if x.dtype.kind in "fc" else None


def parts(z):
    return list(z) if isinstance(z, (tuple, list)) else [z]


def loss_of(z):
    """A number that depends on every element of every output."""
    total = 0.0
    for i, part in enumerate(parts(z)):
        if getattr(getattr(part, "dtype", None), "kind", "") not in ("f", "c"):
            continue
        weighted = mg.multiply(part if isinstance(part, mg.Tensor) else mg.tensor(part), 1) * np.cos(
            np.arange(part.size) + i
        ).reshape(part.shape)
        if weighted.dtype.kind == "c":
            weighted = mg.real(weighted) + 0.5 * mg.imag(weighted)
        total = total + weighted.sum()
    return total


def values(x):
    return np.asarray(x.data if isinstance(x, mg.Tensor) else x)


def assert_same(got, want):
    got, want = values(got), values(want)
    assert (got.shape, got.dtype) == (want.shape, want.dtype)
    scale = np.max(np.abs(np.where(np.isfinite(want), want, 0)), initial=0)
    np.testing.assert_allclose(got, want, rtol=1e-7, atol=1e-9 * (1 + scale))


class Case:
    """One sample as the arguments of all members, and as those of each."""

    def __init__(self, op, sample):
        self.one = lambda *xs: sample.call(op, list(xs), sample.options)
        self.loss = lambda *xs: loss_of(self.one(*xs))
        stacks = [members_of(x) for x in sample.arrays]
        self.alone = sample.arrays
        self.axes = tuple(None if stack is None else 0 for stack in stacks)
        self.whole = [x if stack is None else stack for x, stack in zip(sample.arrays, stacks, strict=True)]
        self.real = tuple(k for k, stack in enumerate(stacks) if stack is not None and stack.dtype.kind == "f")

    def member(self, i, shared=None):
        pairs = enumerate(zip(self.alone, self.axes, self.whole, strict=True))
        return [x if axis is None or k == shared else whole[i] for k, (x, axis, whole) in pairs]

    def each(self, f, shared=None):
        return [f(*self.member(i, shared)) for i in range(MEMBERS)]


def check_values(case):
    def of_tensors(*xs):
        return case.one(*[mg.tensor(x) if x.dtype.kind in "fc" else x for x in xs])

    want = [parts(z) for z in case.each(of_tensors)]
    for j, got in enumerate(parts(mg.vmap(case.one, case.axes)(*case.whole))):
        if isinstance(want[0][j], (mg.Tensor, np.ndarray, np.generic)):
            assert_same(got, np.stack([values(z[j]) for z in want]))


def check_first_order(case):
    want = case.each(mg.grad(case.loss, case.real))
    inner = mg.vmap(mg.grad(case.loss, case.real), case.axes)(*case.whole)
    outer = mg.grad(lambda *xs: mg.vmap(case.loss, case.axes)(*xs).sum(), case.real)(*case.whole)
    for k in range(len(case.real)):
        assert_same(inner[k], np.stack([g[k] for g in want]))
        assert_same(outer[k], np.stack([g[k] for g in want]))


def check_shared(case, k):
    """The gradient of what all members share is the sum over them."""
    axes = tuple(None if n == k else axis for n, axis in enumerate(case.axes))
    whole = [case.alone[n] if n == k else x for n, x in enumerate(case.whole)]
    want = sum(case.each(mg.grad(case.loss, k), shared=k))
    assert_same(mg.grad(lambda *xs: mg.vmap(case.loss, axes)(*xs).sum(), k)(*whole), want)


def check_second_order(case):
    directions = [np.sin(np.arange(case.alone[k].size) + 1).reshape(case.alone[k].shape) for k in case.real]

    def slope(*xs):
        found = mg.grad(case.loss, case.real)(*xs)
        return sum((mg.multiply(g, d)).sum() for g, d in zip(found, directions, strict=True))

    want = case.each(mg.grad(slope, case.real))
    got = mg.vmap(mg.grad(slope, case.real), case.axes)(*case.whole)
    for k in range(len(case.real)):
        assert_same(got[k], np.stack([g[k] for g in want]))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", TABLE)
def test_each_op_under_vmap_is_a_loop_over_the_members(name):
    @settings(
        max_examples=2, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(samples(ops[name]))
    def check(sample):
        case = Case(ops[name], sample)
        if set(case.axes) == {None}:
            return
        check_values(case)
        try:
            case.each(mg.grad(case.loss, case.real))
        except MinigradError:  # no gradient, in a loop neither
            return
        if not case.real:
            return
        check_first_order(case)
        if len(case.axes) - case.axes.count(None) > 1:
            check_shared(case, case.real[0])
            check_shared(case, case.real[-1])
        check_second_order(case)

    check()


def test_zeros_at_the_ends_are_as_many_in_each_member():
    p = np.array([[0.0, 1.0, -3.0, 2.0, 0.0], [0.0, 2.0, 1.0, -3.0, 0.0]])
    functions = {"roots": np.roots, "square": lambda p: np.polymul(p, p), "trim": np.trim_zeros}
    for f in [*functions.values(), lambda p: np.poly1d(p)(2.0), lambda p: np.polydiv(p[1:], np.array([1.0, 5.0]))[0]]:
        np.testing.assert_allclose(mg.vmap(f)(p), [f(row) for row in p], atol=1e-12)
        pulled = mg.vmap(mg.grad(lambda p, f=f: mg.sum(f(p) ** 2)))(p)
        np.testing.assert_allclose(pulled, [mg.grad(lambda p, f=f: mg.sum(f(p) ** 2))(row) for row in p], atol=1e-9)
    p[1, 1] = 0.0
    for f in functions.values():
        with pytest.raises(BatchError, match="how many zeros come first, or last, differs from member to member"):
            mg.vmap(f)(p)
