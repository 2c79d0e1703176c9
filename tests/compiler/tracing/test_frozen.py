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


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("step", [in_turns, critic_first, one_layer])
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
    assert run.stats()["replayed"] > 9


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


def test_what_was_frozen_when_the_step_began_is_not_let_go_and_frozen_again():
    """Its optimizer moves it each time; where the step ends as it began, it is a program."""
    ways = []
    for ends_free in (False, True):
        layer = nn.Linear(4, 2, generator=np.random.default_rng(0))
        optimizer = optim.SGD(layer.parameters(), lr=0.5)

        def step(x, layer=layer, optimizer=optimizer, ends_free=ends_free):
            layer.requires_grad_(True)
            optimizer.zero_grad()
            (layer(x) ** 2).sum().backward()
            optimizer.step()
            layer.requires_grad_(False)
            frozen = layer(x).sum()
            layer.requires_grad_(ends_free)
            return frozen

        ways.append(mg.compile(step, backend="numpy"))
    with pytest.raises(CompileError, match=r"let the step end as it began, with p.requires_grad_\(True\)"):
        [ways[0](X[0]) for _ in range(4)]
    [ways[1](X[0]) for _ in range(8)]
    assert ways[1].stats()["replayed"] >= 5


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
