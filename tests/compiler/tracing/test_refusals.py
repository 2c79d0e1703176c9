"""What cannot be a program is refused with the line and the rewrite, and never answered wrongly."""

import decimal
import itertools
import logging
import re

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.errors import CompileError

X = np.float32([1.0, -2.0, 3.0])


def refused(function, match, *args, calls=4):
    """The error of a call of the compiled function; its message names the line that is marked ``# here``."""
    compiled = mg.compile(function)

    def several():
        for _ in range(calls):
            compiled(*(args or (mg.tensor(X),)))

    with pytest.raises(CompileError, match=match) as caught:
        several()
    return str(caught.value)


def test_many_branches_on_values():
    def step(x):
        loss = (x * x).sum()
        for i in range(40):
            if loss > i:  # here
                loss = loss * 1.5
        return loss

    message = refused(step, "mg.where")
    assert "if loss > i:  # here" in message
    assert re.search(r"test_refusals\.py:\d+", message)


@pytest.mark.parametrize(
    "take",
    [float, int, complex, lambda loss: loss.tolist(), lambda loss: f"{loss:.3f}", lambda loss: hash(loss.item()),
     lambda loss: range(10)[loss.astype(int)]],
)  # fmt: skip
def test_a_number_taken_into_python(take):
    message = refused(lambda x: x * take(x.sum()), "return it from the compiled function")
    assert re.search(r"test_refusals\.py:\d+: .*loss", message) or "take(x.sum())" in message


@pytest.mark.parametrize(
    "hide",
    [np.asarray, np.array, lambda a: np.zeros(3).dot(a), lambda a: np.ascontiguousarray(a),
     lambda a: np.zeros(3, np.float32).__setitem__(0, a[0])],
)  # fmt: skip
def test_a_hidden_numpy_call(hide):
    message = refused(lambda x: [hide(x.data), x][1], "plain array|into Python")
    assert re.search(r"test_refusals\.py:\d+: .*(lambda a|hide)", message)


def turn():
    """1, 2, 3, from where no walk over names can look."""
    context = decimal.getcontext()
    context.prec += 1
    return context.prec - 1


@pytest.fixture(autouse=True)
def _first_turn():
    with decimal.localcontext() as context:
        context.prec = 1
        yield


@pytest.mark.parametrize(
    "read", [lambda i: np.diag([1, 2, 3])[i], lambda i: np.take(np.tri(3), i, axis=0), lambda i: np.tri(3)[i, i]]
)
def test_an_index_into_a_plain_array(read):
    message = refused(lambda i: mg.tensor(read(i)), r"write mg.tensor\(table\)\[i\] for an index", np.array([0, 2]))
    assert re.search(r"test_refusals\.py:\d+: .*(lambda i|read)", message)


def test_data_that_changes_from_call_to_call():
    def row():
        return np.full(3, turn(), np.float32)

    assert "x * row()" in refused(lambda x: x * row(), "from outside differs from call to call", calls=20)


def test_a_number_that_changes_from_call_to_call():
    message = refused(lambda x: x * (turn() / 10), "differs from call to call", calls=20)
    assert "it was 0.7, and is 0.8" in message


def test_random_numbers():
    generator = np.random.default_rng(0)
    refused(lambda x: x * generator.random(out=np.empty(3)), "random numbers are drawn")
    refused(lambda x: x * np.float32(np.random.random()), "random numbers are drawn", calls=1)


def test_what_is_done_differs():
    message = refused(lambda x: x + x if turn() % 2 else x * x, "something else from call to call", calls=20)
    assert "if turn() % 2" in message


def test_an_iterator():
    """It may give the same in two recordings, and something else later."""
    turns = itertools.cycle([1.0, 1.0, 1.0, 2.0])
    refused(lambda x: x * next(turns), "take the item outside")


def test_a_name_that_changes_in_every_call():
    count = ""

    def step(x):
        nonlocal count
        count += "a"
        return x * 2

    refused(step, "changes count", calls=20)


def test_a_write_that_numpy_makes_behind_the_back():
    w = nn.Parameter(X.copy())
    alias = w.data

    def step(x):
        np.multiply(alias.T, 0.9, out=alias.T)
        return (x * w).sum()

    with np.errstate(all="raise"):
        compiled = mg.compile(step, backend="numpy")
        for i in range(8):
            before = w.data.copy()
            assert np.array_equal(compiled(mg.tensor(X)).data, (X * (before * np.float32(0.9))).sum())
            assert np.array_equal(w.data, before * np.float32(0.9)), i


def test_other_data_assigned_in_the_step():
    w = nn.Parameter(X.copy())

    def step(x):
        w.data = w.data * 2
        return (x * w).sum()

    refused(step, "assign outside the compiled function")


@pytest.mark.parametrize(
    "use",
    [lambda x, o: x * o.current_lr, lambda x, o: x if o.current_lr > 1 else x * 2, lambda x, o: o.current_lr or x,
     lambda x, o: x * mg.tensor(o.current_lr), lambda x, o: (x, f"{o.iterations}"), lambda x, o: [x][o.iterations],
     lambda x, o: x * np.float32(o.current_lr), lambda x, o: x * float(o.current_lr)],
)  # fmt: skip
def test_a_rate_that_the_step_reads(use):
    w = nn.Parameter(X.copy())
    optimizer = optim.SGD([w], lr=0.1)

    def step(x):
        (w * x).sum().backward()
        optimizer.step()
        return use(x, optimizer)

    assert "test_refusals.py:" in refused(step, "return it from the compiled function, ")


def test_the_rate_of_the_step_before():
    w = nn.Parameter(X.copy())
    optimizer = optim.SGD([w], lr=0.1)

    def step(x):
        rate = optimizer.current_lr
        (w * x).sum().backward()
        optimizer.step()
        return rate

    assert "rate = optimizer.current_lr" in refused(step, "the rate of the step before is read")


def test_a_write_into_an_array_from_outside():
    total = np.zeros(3, np.float32)

    def step(x):
        total[:] = x.data
        return x * 2

    compiled = mg.compile(step, backend="numpy")
    for i in range(6):
        compiled(mg.tensor(X + i))
        assert np.array_equal(total, (X + i))


def test_a_write_into_an_array_that_is_made_in_the_step():
    def step(x):
        total = np.zeros(3, np.float32)
        total[:] = x.data
        return x * total

    refused(step, "plain array")


def test_an_array_that_no_name_leads_to():
    logging.getLogger("of a test").table = np.ones(3, np.float32)
    refused(lambda x: x * logging.getLogger("of a test").table, "not found from the function's names")


def test_an_argument_that_requires_a_gradient():
    refused(lambda x: x * 2, "requires a gradient", mg.tensor(X, requires_grad=True))


def test_an_argument_that_is_used_up():
    refused(lambda x, more: x * next(more), "from an argument, a", X, itertools.count())
    refused(lambda x, more: x * next(more), "from an argument, a", X, (i for i in range(9)))


def test_shapes_that_depend_on_numbers():
    refused(lambda x: x[x > 0], "as many elements as are true")
    refused(lambda x: np.nonzero(x.data)[0], "depends on the numbers")


def test_what_left_the_step_another_way():
    class Slots:
        __slots__ = ("held",)

    left = Slots()
    compiled = mg.compile(lambda x: setattr(left, "held", x * 2))
    compiled(mg.tensor(X))
    with pytest.raises(CompileError, match="left it in another way"):
        left.held + 1
    with pytest.raises(CompileError, match=r"another recording|left it in another way"):
        mg.compile(lambda x: x + left.held)(mg.tensor(X))


def test_a_watch_inside():
    def step(x):
        with mg.detect_anomaly():
            return x * 2

    refused(step, "put it around the call")


def test_an_update_that_counts():
    class Odd(optim.SGD):
        def update(self, group, lr, w, g, scratch, *state):
            w -= g * (lr / (1 + self.iterations))

    w = nn.Parameter(X.copy())
    optimizer = Odd([w], lr=0.1)

    def step(x):
        (w * x).sum().backward()
        optimizer.step()

    refused(step, "put what depends on it into rates")


def test_gradients_from_outside_in_a_step_of_the_optimizer_alone():
    w = nn.Parameter(X.copy())
    optimizer = optim.SGD([w], lr=0.1)
    compiled = mg.compile(optimizer.step)
    expected = X.copy()
    for i in range(4):
        w.grad = np.full(3, i, np.float32)
        compiled()
        expected -= np.float32(0.1) * w.grad
        assert np.array_equal(w.data, expected)


def test_the_checked_mode_finds_what_the_rest_cannot():
    compiled = mg.compile(lambda x: x * decimal.getcontext().prec, check=True)
    for _ in range(3):
        compiled(X)
    decimal.getcontext().prec = 2
    with pytest.raises(CompileError, match="differs from the step as it is written"):
        compiled(X)


def test_a_refusal_leaves_real_gradients():
    w = nn.Parameter(X.copy())

    def step(x):
        loss = (w * x).sum()
        loss.backward()
        return str(loss.item())

    refused(step, "into Python")
    assert type(w.grad) is np.ndarray
    assert np.array_equal(w.grad, X)
    assert mg.autograd.is_recording()
