"""``checkpoint``: the same gradients at every order with less memory, the same random numbers, and errors."""

import gc
import threading
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import nn, random
from minigrad.errors import GraphError
from minigrad.transforms import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from minigrad.transforms.checkpointing import checkpoint
from tests.memory import allocations

Pair = namedtuple("Pair", "a b")
RNG = np.random.default_rng(0)
X, W, V = RNG.normal(size=(2, 3)), RNG.normal(size=(3, 3)), RNG.normal(size=(2, 3))


def variables():
    return mg.tensor(X, requires_grad=True), mg.tensor(W, requires_grad=True)


def plainly(f, *xs, **options):
    """What checkpoint must be equal to."""
    return f(*xs, **options)


def agree(compute, orders=1):
    """``compute(run, x, w)`` has the same value and gradients when ``run`` is checkpoint."""
    found = []
    for run in (plainly, checkpoint):
        x, w = variables()
        values = compute(run, x, w)
        seen = [values]
        for _ in range(orders):
            values = sum((v**2).sum() for v in values)
            found_or_none = mg.autograd.grad(values, [x, w], create_graph=True, allow_unused=True)
            values = [v * 0.0 if g is None else g for g, v in zip(found_or_none, [x, w], strict=True)]
            seen.append(values)
        found.append([v.data for values in seen for v in values])
    for one, two in zip(*found, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-10, atol=1e-12)


# A function of x and the matrix w that it closes over, and how it is run.
PROGRAMS = {
    "one result": lambda run, x, w: [run(lambda x: (x @ w).tanh(), x)],
    "w an argument": lambda run, x, w: [run(lambda x, w: (x @ w).tanh(), x, w)],
    "w by keyword": lambda run, x, w: [run(lambda x, *, w: (x @ w).tanh(), x, w=w)],
    "both closed over": lambda run, x, w: [run(lambda: (x @ w).tanh())],
    "a chain": lambda run, x, w: [run(lambda h: mg.exp(h @ w / 9), run(lambda x: (x @ w).tanh(), x))],
    "nested": lambda run, x, w: [run(lambda x: run(lambda h: (h @ w).tanh(), x * w[0]) ** 2, x)],
    "thrice": lambda run, x, w: [run(lambda x: run(lambda x: run(lambda x: x * w[0], x).tanh(), x) + x, x)],
    "a tuple": lambda run, x, w: list(run(lambda x: ((x @ w).tanh(), x.sum(), w * 2.0), x)),
    "a dict": lambda run, x, w: list(run(lambda x: {"a": x * w[0], "b": x.exp()}, x).values()),
    "arguments in structures": lambda run, x, w: [run(lambda p: p["x"][0] @ p["w"].b, {"x": [x], "w": Pair(1, w)})],
    "a part not used": lambda run, x, w: [run(lambda x: ((x @ w).tanh(), x.exp()), x)[1]],
    "handed on": lambda run, x, w: list(run(lambda x: (x, w, x * 2.0), x)),
    "twice the same": lambda run, x, w: list(run(lambda x: [x * w[0]] * 2, x)),
    "scalars": lambda run, x, w: [run(lambda s, t: s * t, x.sum(), w.sum())],
    "two scalars": lambda run, x, w: list(run(lambda s: (s * w.sum(), s.exp()), x.mean())),
    "linear": lambda run, x, w: [run(lambda x: x @ w, x)],
    "x alone": lambda run, x, w: [run(lambda x: x**3, x)],
    "x twice": lambda run, x, w: [run(lambda x, y: x * y * w[0], x, x)],
    "mixed dtypes": lambda run, x, w: [a.astype(float) for a in run(lambda x: (x * w[0], x.astype("f4") * 2), x)],
    "complex": lambda run, x, w: [mg.abs(run(lambda x: mg.exp(1j * x) * w[0], x))],
    "complex and real": lambda run, x, w: [mg.real(a) for a in run(lambda x: (mg.exp(1j * x), x * w[0]), x)],
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_values_and_gradients_of_three_orders(name):
    agree(PROGRAMS[name], orders=1 if name == "mixed dtypes" else 3)


def test_closed_over_values_that_depend_on_each_other():
    """h and w are both closed over and h comes from w: each gets the gradient of its own uses, once."""
    agree(lambda run, x, w: [run(lambda x, h=w * 2.0: (x * h[0] * w[1]).tanh(), x)], 3)

    def program(run, x, w):
        h = x * w[0]
        k = h.exp()
        return [run(lambda: (h * k * x * w[0]).tanh())]

    agree(program, 3)


@given(st.recursive(st.sampled_from("abc"), lambda s: st.lists(s, min_size=1, max_size=3), max_leaves=8))
def test_any_nesting(tree):
    steps = {"a": lambda h, w: (h @ w).tanh(), "b": lambda h, w: h * w[0], "c": lambda h, w: mg.exp(h / 3)}

    def run_tree(tree, run, h, w):
        if isinstance(tree, str):
            return run(steps[tree], h, w)
        for part in tree:
            h = run(lambda h, part=part: run_tree(part, run, h, w), h)
        return h

    agree(lambda run, x, w: [run_tree(tree, run, x, w)], 2)


@pytest.mark.parametrize("transform", [
    lambda f: grad(lambda x: f(x).sum())(X),
    lambda f: value_and_grad(lambda x: f(x).sum())(X)[1],
    lambda f: vjp(f, X)[1](V)[0],
    lambda f: jvp(f, (X,), (V,))[1],
    lambda f: jacobian(f)(X),
    lambda f: hessian(lambda x: f(x).sum())(X),
    lambda f: hvp(lambda x: f(x).sum(), X, V),
    lambda f: grad(lambda x: (hvp(lambda y: f(y).sum(), x, V) ** 2).sum())(X),
    lambda f: jacobian(lambda x: f(x) @ W)(X),
])  # fmt: skip
def test_under_every_transform(transform):
    _, w = variables()
    f = lambda x: (x @ w).tanh() ** 2  # noqa: E731
    plain, short = transform(f), transform(lambda x: checkpoint(f, x))
    np.testing.assert_allclose(plain.data, short.data, rtol=1e-10, atol=1e-12)
    [g], [h] = (mg.autograd.grad((z**2).sum(), [w]) for z in (plain, short))
    np.testing.assert_allclose(g.data, h.data, rtol=1e-10, atol=1e-12)


def test_a_transform_inside():
    agree(lambda run, x, w: [run(lambda x: grad(lambda y: ((y @ w).tanh() * x).sum())(x), x)], 2)


def test_the_parameters_of_a_module():
    model = nn.Sequential(nn.Linear(3, 4, dtype=float), nn.Tanh(), nn.Linear(4, 1, dtype=float))
    (model(X) ** 2).sum().backward()
    expected = [p.grad for p in model.parameters()]
    model.zero_grad()
    (checkpoint(model, mg.tensor(X)) ** 2).sum().backward()
    for p, g in zip(model.parameters(), expected, strict=True):
        np.testing.assert_allclose(p.grad, g)
    found = grad(lambda m: (checkpoint(m, X) ** 2).sum())(model)
    for (name, _), g in zip(model.named_parameters(), expected, strict=True):
        np.testing.assert_allclose(found[name].data, g)


def test_what_is_not_differentiated_passes_through():
    x, _ = variables()
    marker = object()
    found = checkpoint(lambda x, m, n: {"x": x * 2, "m": m, "n": n, "c": mg.tensor([1, 2]), "z": None}, x, marker, 3)
    assert (found["m"], found["n"], found["z"]) == (marker, 3, None)
    assert not found["c"].requires_grad
    assert found["x"].requires_grad
    assert checkpoint(lambda: marker) is marker
    assert not checkpoint(lambda a: a * 2, mg.tensor(X)).requires_grad


def counted():
    def f(x):
        f.calls += 1
        return x.exp(), x.tanh()

    f.calls = 0
    return f


def test_it_runs_once_forward_and_once_backward_for_all_results_and_arguments():
    f, (x, w) = counted(), variables()
    a, b = checkpoint(lambda x: f(x * w[0]), x)
    assert f.calls == 1
    (a.sum() * b.sum()).backward()
    assert f.calls == 2
    assert x.grad is not None
    assert w.grad is not None


def test_it_just_runs_under_no_grad():
    f, (x, _) = counted(), variables()
    with mg.no_grad():
        a, _ = checkpoint(f, x)
    assert not a.requires_grad
    assert f.calls == 1


def test_a_graph_that_is_kept_gives_the_same_again():
    x, w = variables()
    z = checkpoint(lambda x: (x @ w).tanh(), x).sum()
    z.backward(retain_graph=True)
    first = x.grad.copy()
    [g] = mg.autograd.grad(z, [x], retain_graph=True)  # one of the gradients that come together
    z.backward()
    np.testing.assert_array_equal(x.grad, 2 * first)
    np.testing.assert_array_equal(g.data, first)
    with pytest.raises(GraphError, match="the graph was freed"):
        z.backward()


def test_gradients_are_writable_and_nobody_else_has_them():
    x, w = variables()
    z = checkpoint(lambda x: x + w[:2], x).sum()
    z.backward(retain_graph=True)
    x.grad[:] = 7
    assert (w.grad[:2] == 1).all()
    z.backward()
    assert (x.grad == 8).all()


def test_an_argument_that_gets_other_data_stays_what_it_was():
    x, constant = variables()[0], mg.tensor(V)
    z = checkpoint(lambda x, c: x * c, x, constant)
    constant.data = V * 100
    z.sum().backward()
    np.testing.assert_array_equal(x.grad, V)


# -- memory ---------------------------------------------------------------------------------------


def peak(run, gradient):
    """The most memory, in arrays of the size of x, that a deep chain takes."""
    x = mg.tensor(np.ones((64, 64)), requires_grad=True)

    def block(h):
        for _ in range(8):
            h = (h * 1.01).tanh()
        return h

    def chain(x):
        for _ in range(16):
            x = run(block, x)
        return x.sum()

    with allocations() as traced:
        result = gradient(chain, x)
        return traced()[1] / x.data.nbytes, result.data


def test_a_deep_chain_takes_less_memory():
    def backward(f, x):
        f(x).backward()
        return mg.tensor(x.grad)

    checkpoint(lambda x: x * 2, mg.tensor(1.0, requires_grad=True))  # what is made once is made before
    whole, expected = peak(plainly, backward)
    short, found = peak(checkpoint, backward)
    np.testing.assert_array_equal(found, expected)
    assert whole > 128  # one array for each tanh
    assert short < 16 + 8 + 12  # one for each block, the values inside one, and a few


def test_the_second_order_takes_less_memory_too():
    with mg.no_grad():
        whole, expected = peak(plainly, lambda f, x: hvp(f, x, np.ones((64, 64))))
        short, found = peak(checkpoint, lambda f, x: hvp(f, x, np.ones((64, 64))))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    assert short < whole / 3


def test_nothing_is_left_for_the_garbage_collector():
    x, w = variables()
    gc.collect()
    gc.disable()
    try:
        z = (checkpoint(lambda x: (x @ w).tanh(), x) ** 2).sum()
        mg.autograd.grad(z, [x], retain_graph=True)
        [g] = mg.autograd.grad(z, [x], create_graph=True)  # the gradient of w is worked out too, and nobody asks for it
        mg.autograd.grad(g.sum(), [x, w])
        a, b = checkpoint(lambda x: ((x @ w).tanh(), x.exp()), x)
        (a * b).sum().backward()
        del z, g, a, b
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_recorded_gradient_that_nobody_asks_for_closes_no_cycle():
    x, w = variables()
    gc.collect()
    gc.disable()
    try:
        z = checkpoint(lambda x: (x @ w).tanh(), x).sum() ** 2
        [g] = mg.autograd.grad(z, [x], create_graph=True)  # that of w is worked out too
        del z, g
        assert gc.collect() == 0
    finally:
        gc.enable()


# -- random numbers -------------------------------------------------------------------------------


def noisy(x):
    return x * random.generator_or_default(None).normal(size=x.shape)


def test_random_numbers_are_drawn_again_and_the_generator_goes_on():
    results = []
    for run in (plainly, checkpoint):
        mg.manual_seed(3)
        x, _ = variables()
        z = run(lambda x, run=run: run(noisy, x) + noisy(x).tanh(), x)
        between = random.generator_or_default(None).normal()
        z.sum().backward()
        results.append((z.data, x.grad, between, random.generator_or_default(None).normal()))
    for one, two in zip(*results, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-14)


def test_a_seed_set_inside():
    def f(x):
        mg.manual_seed(1)
        return noisy(x)

    x, _ = variables()
    z = checkpoint(f, x)
    mg.manual_seed(5)
    expected = np.random.default_rng(5).normal(size=2)
    first = random.generator_or_default(None).normal()
    z.sum().backward()
    np.testing.assert_array_equal([first, random.generator_or_default(None).normal()], expected)
    np.testing.assert_array_equal(x.grad, np.random.default_rng(1).normal(size=X.shape))


def test_the_generator_goes_on_after_an_error():
    mg.manual_seed(3)
    x, fail = variables()[0], []

    def f(x):
        if fail:
            noisy(x)
            raise KeyError("second run")
        return noisy(x)

    z = checkpoint(f, x)
    fail.append(True)
    state = random.generator_or_default(None).bit_generator.state
    with pytest.raises(KeyError, match="second run"):
        z.sum().backward()
    assert random.generator_or_default(None).bit_generator.state == state
    assert x.grad is None


def test_two_threads_at_once():
    barrier = threading.Barrier(2)

    def run(seed):
        w = mg.tensor(np.random.default_rng(seed).normal(size=(3, 3)), requires_grad=True)
        barrier.wait()
        found = []
        for _ in range(20):
            x = mg.tensor(X, requires_grad=True)
            h = x
            for _ in range(5):
                h = checkpoint(lambda h: (h @ w).tanh(), h)
            h.sum().backward()
            found.append(x.grad)
        return found

    with ThreadPoolExecutor(2) as pool:
        for grads in pool.map(run, range(2)):
            for g in grads:
                np.testing.assert_array_equal(g, grads[0])


# -- errors ---------------------------------------------------------------------------------------

OTHER = np.random.default_rng(0)


@pytest.mark.parametrize("f", [
    lambda x: x * OTHER.normal(size=(2, 3)),  # a generator that nobody rewinds
    lambda x: x[: OTHER.integers(1 << 30) % 1 + (1 if OTHER.random() < 2 else 0)] * OTHER.random(),
    lambda x: (x * OTHER.random(), x),
    lambda x: x + np.nextafter(1.0, 2.0) * OTHER.random() * 1e-9,
])  # fmt: skip
def test_another_result_the_second_time(f):
    x, _ = variables()
    z = checkpoint(f, x)
    with pytest.raises(
        GraphError, match="not deterministic: run again for the gradient, it gave another result"
    ) as caught:
        (z[0] if isinstance(z, tuple) else z).sum().backward()
    assert "mg.manual_seed" in str(caught.value)
    assert x.grad is None


def test_other_shapes_or_fewer_results_the_second_time():
    for results in ([2, 3], [(2,), (2, 2)]):
        x, _ = variables()
        turns = iter(results)
        z = checkpoint(
            lambda x, turns=turns: mg.stack([x] * n) if isinstance(n := next(turns), int) else [x] * len(n), x
        )
        with pytest.raises(GraphError, match="not deterministic"):
            (z[0]).sum().backward()


def test_data_written_meanwhile():
    x, w = variables()
    z = checkpoint(lambda x: (x @ w).tanh(), x).sum()
    w.data = w.data + 1
    with pytest.raises(GraphError, match="data changed between forward and backward"):
        z.backward()
    v = mg.tensor(V, requires_grad=True)
    z = checkpoint(lambda x: ((x @ w).tanh() * v).sum(), x)
    numbers = v.data  # what was handed out is compared
    numbers[:] = 0
    with pytest.raises(GraphError, match="data changed between forward and backward"):
        z.backward()
    z = checkpoint(lambda x: ((x @ w).tanh() * v).sum(), x)
    numbers[:] = 1  # not seen when it is written, and seen when the result is another
    with pytest.raises(GraphError, match="not deterministic"):
        z.backward()
    assert x.grad is None


@pytest.mark.parametrize("number", range(3))
def test_whichever_tensor_was_written_the_error_says_so(number):
    """Not that the function is not deterministic, which is what comes of it."""
    tensors = [mg.tensor(a, requires_grad=True) for a in (X, V, X + V)]
    z = checkpoint(lambda: (tensors[0] * tensors[1] * tensors[2]).sum())
    tensors[number].data = tensors[number].data + 1
    with pytest.raises(GraphError, match="data changed between forward and backward"):
        z.backward()


def test_an_error_in_the_first_run_is_the_error():
    with pytest.raises(ZeroDivisionError):
        checkpoint(lambda x: 1 // 0, variables()[0])


# -- what layers keep -------------------------------------------------------------------------------


@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("way", ["eager", "compiled", "second order", "nested", "no backward"])
def test_running_statistics_move_once(way, momentum):
    """The second run is for the gradient alone."""
    runs = []
    for run in (plainly, checkpoint):
        layers = nn.Sequential(*[nn.BatchNorm1d(4, momentum=momentum, dtype="float64") for _ in "ab"])
        inner = (lambda x, layers=layers, run=run: run(layers, x)) if way == "nested" else layers

        def step(x, inner=inner, layers=layers, run=run):
            loss = (run(inner, x) ** 2 * x).sum()
            if way == "second order":
                (first,) = mg.autograd.grad(loss, [layers[0].weight], create_graph=True)
                loss = (first * first).sum()
            if way != "no backward":
                layers.zero_grad()
                loss.backward()

        step = mg.compile(step, backend="numpy") if way == "compiled" else step
        for seed in range(4):
            step(mg.tensor(np.random.default_rng(seed).normal(size=(6, 4))))
        runs.append([*layers.state_dict().values(), *[p.grad for p in layers.parameters() if p.grad is not None]])
    assert int(runs[0][4]) == 4
    for one, other in zip(*runs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


# -- in batches -----------------------------------------------------------------------------------


def _cubes(x):
    return np.sin(x) * x * x[::-1]


def _total(x):
    return (np.sin(x) * x * x).sum()


#: Functions of a vector, given ``checkpoint`` or a plain call, whose batches meet a section that is run again.
BATCHED = {
    "jacobian": lambda run: lambda x: (mg.jacobian(lambda x: run(_cubes, x))(x) ** 2).sum(),
    "jacfwd": lambda run: lambda x: (mg.jacfwd(lambda x: run(_cubes, x))(x) ** 2).sum(),
    "jacobian of grad": lambda run: lambda x: (mg.jacobian(mg.grad(lambda x: run(_total, x)))(x) ** 2).sum(),
    "hessian": lambda run: lambda x: (mg.hessian(lambda x: run(_total, x))(x) ** 2).sum(),
    "one in another": lambda run: lambda x: (mg.jacobian(lambda x: run(lambda x: run(_cubes, x) * x, x))(x) ** 2).sum(),
    "around a jacobian": lambda run: lambda x: run(lambda x: (mg.jacobian(_cubes)(x) ** 2).sum(), x),
    "vmap, closed over": lambda run: (
        lambda x: mg.vmap(lambda y: run(lambda y: np.sin(x * y).sum(), y))(mg.stack([x, x * x])).sum()
    ),
    "vmap of grad": lambda run: (
        lambda x: (mg.vmap(mg.grad(lambda y: run(lambda y: np.sin(x * y).sum(), y)))(mg.stack([x, x * x])) ** 2).sum()
    ),
    "vmap of jacobian": lambda run: (
        lambda x: (mg.vmap(mg.jacobian(lambda y: run(lambda y: np.sin(x * y), y)))(mg.stack([x, x * x])) ** 2).sum()
    ),
}


@pytest.mark.parametrize("name", BATCHED)
def test_what_runs_again_in_a_batch_has_the_gradients_of_every_order(name):
    """The ways to what all members share lead through their sum in the second run too."""
    x = np.array([0.5, -0.3, 0.8])
    plain, again = BATCHED[name](lambda f, *xs: f(*xs)), BATCHED[name](checkpoint)
    for transform in (mg.grad, mg.hessian, lambda f: mg.jacobian(mg.hessian(f))):
        np.testing.assert_allclose(transform(again)(x), transform(plain)(x), rtol=1e-9, atol=1e-11)
