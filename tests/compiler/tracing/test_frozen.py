"""A step that freezes parameters and lets them go again."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.compiler.backends import BACKENDS
from minigrad.errors import CompileError, GraphError

X = np.random.default_rng(0).standard_normal((14, 6, 4)).astype("float32")


def in_turns(maker, judge, first, second, x):
    judge.requires_grad_(False)
    first.zero_grad()
    fooled = -judge(maker(x)).mean()
    fooled.backward()
    first.step()
    judge.requires_grad_(True)
    for _ in range(2):
        second.zero_grad()
        judged = judge(maker(x).detach()).mean() - judge(x).mean()
        judged.backward()
        second.step()
    return fooled, judged


def critic_first(maker, judge, first, second, x):
    second.zero_grad()
    judged = ((judge(x) - x[:, :1]) ** 2).mean()
    judged.backward()
    second.step()
    for p in judge.parameters():
        p.requires_grad = False
    first.zero_grad()
    value = -judge(maker(x)).mean()
    value.backward()
    first.step()
    for p in judge.parameters():
        p.requires_grad = True
    return judged, value


def one_layer(maker, _, first, __, x):
    maker[0].weight.requires_grad_(False)
    first.zero_grad()
    value = (maker(x) ** 2).mean()
    value.backward()
    maker[0].weight.requires_grad_(True)
    first.step()
    return value


def wasserstein(maker, judge, first, second, x):
    """It ends with the critic frozen, and the next call begins so."""
    for p in judge.parameters():
        p.requires_grad = True
        p.data[...] = np.clip(p.data, -0.4, 0.4)
    second.zero_grad()
    judged = judge(maker(x).detach()).mean() - judge(x).mean()
    judged.backward()
    second.step()
    for p in judge.parameters():
        p.requires_grad = False
    first.zero_grad()
    fooled = -judge(maker(x)).mean()
    fooled.backward()
    first.step()
    return judged, fooled


def one_layer_at_the_end(maker, _, first, __, x):
    maker[0].requires_grad_(True)
    first.zero_grad()
    value = (maker(x) ** 2).mean()
    value.backward()
    first.step()
    maker[0].requires_grad_(False)
    return value


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("step", [in_turns, critic_first, one_layer, wasserstein, one_layer_at_the_end])
def test_it_is_a_program(step, backend):
    found = []
    if backend == "jax" and step is in_turns:
        pytest.skip("JAX: an optimizer makes one step in a program")
    for wrapped in (lambda f: f, lambda f: mg.compile(f, backend=backend)):
        g = np.random.default_rng(0)
        maker = nn.Sequential(nn.Linear(4, 5, generator=g), nn.Tanh(), nn.Linear(5, 4, generator=g))
        judge = nn.Sequential(nn.Linear(4, 5, generator=g), nn.Tanh(), nn.Linear(5, 1, generator=g))
        first, second = optim.Adam(maker.parameters(), lr=0.01), optim.SGD(judge.parameters(), lr=0.1, momentum=0.9)
        run = wrapped(lambda x, parts=(maker, judge, first, second): step(*parts, x))
        results = []
        for i, x in enumerate(X):
            results.append([np.asarray(z.data) for z in mg.core.trees.flat(run(x))])
            if i == 9:
                judge[0].weight.data *= 2
            results += [[p.data.copy() for p in (*maker.parameters(), *judge.parameters())]]
            results += [[np.asarray(p.grad is None) for p in (*maker.parameters(), *judge.parameters())]]
        found.append(results)
    for one, other in zip(*found, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_allclose(
                a, b, rtol=0 if backend == "numpy" else 1e-4, atol=0 if backend == "numpy" else 1e-5
            )
    assert run.stats()["replayed"] > 8


def test_a_graph_from_before_that_is_used_after_the_parameter_is_written_is_refused():
    layer = nn.Linear(4, 2, generator=np.random.default_rng(0))
    optimizer = optim.SGD(layer.parameters(), lr=0.5)

    def step(x):
        x = mg.tensor(x, requires_grad=True)
        layer.requires_grad_(False)
        early = (layer(x) ** 2).sum()
        layer.requires_grad_(True)
        optimizer.zero_grad()
        (layer(x.detach()) ** 2).sum().backward()
        optimizer.step()
        return mg.autograd.grad(early, [x])[0]

    with pytest.raises(CompileError, match="frozen in the step, let go and written"):
        mg.compile(step, backend="numpy")(X[0])


def test_a_run_that_is_put_back_leaves_no_parameter_frozen():
    """The averages are written while the layer is frozen: so the step is recorded once more, from where it began."""
    found = []
    for wrapped in (lambda f: f, lambda f: mg.compile(f, backend="numpy")):
        layer = nn.Linear(4, 2, generator=np.random.default_rng(0))
        optimizer, averages = optim.Adam(layer.parameters(), lr=0.1), optim.EMA(layer, decay=0.8)

        def step(x, layer=layer, optimizer=optimizer, averages=averages):
            optimizer.zero_grad()
            (layer(x) ** 2).sum().backward()
            optimizer.step()
            layer.requires_grad_(False)
            averages.update()
            layer.requires_grad_(True)

        run, results = wrapped(step), []
        for x in X[:8]:
            run(x)
            results.append([layer.weight.data.copy(), averages.state_dict()["averages"]["weight"]])
        found.append(results)
    np.testing.assert_allclose(*found, rtol=1e-6)
    assert run.stats()["replayed"] > 3


def test_a_graph_of_a_frozen_parameter_keeps_the_numbers_it_was_made_of():
    """A step that ends with it frozen writes it where it is: graphs that others make meanwhile have copies."""
    layer = nn.Linear(4, 2, generator=np.random.default_rng(0))
    optimizer = optim.SGD(layer.parameters(), lr=0.5)

    @mg.compile
    def step(x):
        layer.requires_grad_(True)
        optimizer.zero_grad()
        (layer(x) ** 2).sum().backward()
        optimizer.step()
        layer.requires_grad_(False)

    layer.requires_grad_(False)
    for _ in range(10):
        x = mg.tensor(X[0], requires_grad=True)
        value, weight = layer(x).sum(), layer.weight.data.copy()
        step(X[1])
        value.backward()
        np.testing.assert_allclose(x.grad, np.broadcast_to(weight.sum(0), x.shape), rtol=1e-6)
        assert not np.array_equal(weight, layer.weight.data)
    assert step.stats()["replayed"] > 3


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam])
@pytest.mark.parametrize("ends_free", [False, True])
def test_one_optimizer_makes_steps_while_some_of_its_parameters_are_frozen(kind, ends_free):
    found = []
    for wrapped in (lambda f: f, lambda f: mg.compile(f, backend="numpy")):
        one, other = (nn.Linear(4, 2, generator=np.random.default_rng(seed)) for seed in range(2))
        optimizer = kind([*one.parameters(), *other.parameters()], lr=0.05)

        def step(x, one=one, other=other, optimizer=optimizer):
            one.requires_grad_(True)
            for _ in range(2):
                optimizer.zero_grad()
                ((one(x) + other(x)) ** 2).sum().backward()
                optimizer.step()
                one.weight.requires_grad_(False)
            one.weight.requires_grad_(ends_free)

        run, results = wrapped(step), []
        for x in X:
            run(x)
            results += [p.data.tolist() for p in (*one.parameters(), *other.parameters())]
        found.append(results)
    assert found[0] == found[1]
    assert run.stats()["replayed"] > 6


def test_what_is_let_go_and_frozen_again_without_a_step_is_a_program():
    critic, maker = (nn.Linear(4, 2, generator=np.random.default_rng(seed)) for seed in range(2))
    critic.requires_grad_(False)
    optimizers = optim.SGD(critic.parameters(), lr=0.1), optim.SGD(maker.parameters(), lr=0.1)

    @mg.compile
    def step(x):
        critic.requires_grad_(True)
        (slope,) = mg.autograd.grad((critic(x) ** 2).sum(), [critic.weight])
        critic.requires_grad_(False)
        optimizers[1].zero_grad()
        (maker(x) * critic(x)).sum().backward()
        optimizers[1].step()
        return slope, optimizers[0].lr

    for x in X:
        slope, _ = step(x)
        out = critic(x).data
        np.testing.assert_allclose(slope, 2 * out.T @ x, rtol=1e-5)
    assert step.stats()["replayed"] > 8


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam])
def test_a_parameter_that_stays_frozen_is_not_moved_by_old_gradients(kind):
    """Between two calls: a graph from before, and steps of the optimizer, leave it as it is."""
    layer = nn.Linear(4, 2, generator=np.random.default_rng(0))
    other = nn.Linear(4, 2, generator=np.random.default_rng(1))
    optimizer = kind([*layer.parameters(), *other.parameters()], lr=0.1)

    def step(x):
        layer.requires_grad_(True)
        optimizer.zero_grad()
        ((layer(x) + other(x)) ** 2).sum().backward()
        optimizer.step()
        layer.requires_grad_(False)

    compiled = mg.compile(step, backend="numpy")
    for i in range(12):
        early = (layer(X[0]) ** 2).sum() if i == 0 else None
        compiled(X[i])
        weight = layer.weight.data.copy()
        if early is not None:
            with pytest.raises(GraphError):
                early.backward()
        if i in (0, 6):
            (other(X[0]) ** 2).sum().backward()
            optimizer.step()
        np.testing.assert_array_equal(layer.weight.data, weight)


@pytest.mark.parametrize("way", ["backward", "autograd.grad"])
def test_a_graph_from_before_a_parameter_was_frozen_is_no_way_to_its_gradient(way):
    layer = nn.Linear(4, 2, generator=np.random.default_rng(0))
    optimizer = optim.SGD(layer.parameters(), lr=0.5)

    def step(x):
        optimizer.zero_grad()
        early = (layer(x) ** 2).sum()
        layer.weight.requires_grad_(False)
        layer.weight.requires_grad_(True)
        if way == "backward":
            early.backward()  # as it is written, the weight's gradient is None, and it stays
        else:
            mg.autograd.grad(early, [layer.weight])
        optimizer.step()
        return early

    with pytest.raises(GraphError, match="frozen and let go"):
        mg.compile(step, backend="numpy")(mg.tensor(X[0]))


@pytest.mark.parametrize("frozen_at", [0, 1, 2, 5])
@pytest.mark.parametrize("zeroed", [False, True])
def test_what_was_frozen_when_the_call_began_has_its_gradient_after_it(frozen_at, zeroed):
    """The step lets a weight go that somebody froze between two calls: the recorded call too leaves an array."""

    def told(compiled):
        model = nn.Sequential(*(nn.Linear(n, m, generator=np.random.default_rng(n)) for n, m in ((4, 3), (3, 1))))
        optimizer = optim.SGD(model.parameters(), lr=0.1)

        def step(x):
            model.requires_grad_(False)
            target = (model(x) ** 2).mean()
            model.requires_grad_(True)
            if zeroed:
                optimizer.zero_grad()
            ((model(x) - target) ** 2).mean().backward()
            optimizer.step()

        run, seen = mg.compile(step, backend="numpy") if compiled else step, []
        for i, x in enumerate(X[:9]):
            if i == frozen_at:
                model[1].weight.requires_grad_(False)
            run(mg.tensor(x))
            seen.extend((p.requires_grad, p.grad is None, np.array(p.grad), p.data.copy()) for p in model.parameters())
        return seen

    for one, other in zip(told(compiled=False), told(compiled=True), strict=True):
        assert one[:2] == other[:2]
        np.testing.assert_array_equal(one[2], other[2])
        np.testing.assert_array_equal(one[3], other[3])


def by_match(flag):
    match flag:
        case True:
            return 2.0
    return 1.0


WANTED = [True]
FLAGS = {
    "a comparison": lambda flag: 2.0 if flag == WANTED[0] else 1.0,
    "is": lambda flag: 2.0 if flag is True else 1.0,
    "is another": lambda flag: 2.0 if WANTED[0] is flag else 1.0,
    "match": by_match,
    "a key": lambda flag: {True: 2.0, False: 1.0}[flag],
    "an index": lambda flag: [1.0, 2.0][flag],
    "arithmetic": lambda flag: 1.0 + flag * 1.0,
    "a whole number": lambda flag: 2.0 if flag == 1 else 1.0,
    "a text": lambda flag: 2.0 if str(flag) == "True" else 1.0,
}


@pytest.mark.parametrize("way", ["requires_grad_", "train", *FLAGS])
def test_a_flag_that_the_step_counts_out_is_a_decision(way):
    """``n % 2 == 0`` is true or false by a number of the step: what Python does with it is a way of the step."""
    found = []
    for wrapped in (lambda f: f, lambda f: mg.compile(f, backend="numpy")):
        g = np.random.default_rng(0)
        model = nn.Sequential(nn.Linear(4, 3, generator=g), nn.Dropout(0.5, generator=g), nn.Linear(3, 2, generator=g))
        optimizer, count = optim.SGD(model.parameters(), lr=0.01), [0]

        def step(x, model=model, optimizer=optimizer, count=count):
            count[0] += 1
            flag = count[0] % 2 == 0
            factor = 1.0
            if way == "requires_grad_":
                model[0].requires_grad_(flag)
            elif way == "train":
                model.train(flag)
            else:
                factor = FLAGS[way](flag)
            optimizer.zero_grad()
            loss = (model(x) ** 2).mean() * factor
            loss.backward()
            optimizer.step()
            model.requires_grad_(True)
            return loss

        run = wrapped(step)
        found.append([(run(x).item(), *[p.data.tolist() for p in model.parameters()]) for x in X])
    assert found[0] == found[1]
    assert run.stats()["replayed"] >= 7
