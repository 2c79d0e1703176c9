"""Gradients that are there before a call: added to, used, replaced and forgotten as the step as it is written does."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.compiler.tracing.trace_comparison import same_bits

X = np.float32([1.0, -2.0, 0.5])

#: What a step is made of.
PARTS = {
    "b": lambda w, v, optimizer: (w * X * v).sum().backward(),
    "s": lambda w, v, optimizer: optimizer.step(),
    "z": lambda w, v, optimizer: optimizer.zero_grad(),
    "w": lambda w, v, optimizer: w.zero_grad(),
    "c": lambda w, v, optimizer: optim.clip_grad_norm_([w, v], 1.0) if w.grad is not None and v.grad is not None else 0,
    "n": lambda w, v, optimizer: setattr(w, "grad", None),
}

#: What happens between calls.
EDITS = {
    "nothing": lambda w, v: None,
    "set": lambda w, v: setattr(w, "grad", np.float32([1.0, 2.0, 3.0])),
    "set both": lambda w, v: [setattr(p, "grad", np.full(3, 2, np.float32)) for p in (w, v)],
    "backward": lambda w, v: (w * 3 + v).sum().backward(),
    "forget": lambda w, v: [p.zero_grad() for p in (w, v)],
    "forget one": lambda w, v: v.zero_grad(),
    "freeze": lambda w, v: v.requires_grad_(not v.requires_grad),
}


def made(parts, kind):
    w, v = nn.Parameter(np.float32([0.5, 1.0, -1.0])), nn.Parameter(np.ones(3, np.float32))
    optimizer = kind([w, v], lr=0.5)

    def step():
        for part in parts:
            PARTS[part](w, v, optimizer)

    return w, v, step


ORDERS = ["bsz", "zbs", "bs", "b", "s", "z", "sz", "zb", "bz", "bw", "wbs", "bsw", "bzs", "bbs", "bcs", "nbs", "bsn",
          "w", "zbcsz", "bsbsz", "sbz"]  # fmt: skip


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("order", ORDERS)
def test_gradients_from_before(order, edit):
    eager, compiled = made(order, optim.SGD), made(order, optim.SGD)
    step = mg.compile(compiled[2], backend="numpy", audit=False)
    for i in range(14):
        if i in (4, 7, 8):
            for w, v, _ in (eager, compiled):
                EDITS[edit](w, v)
        try:
            eager[2]()
        except mg.errors.GraphError:
            with pytest.raises(mg.errors.GraphError):
                step()
            continue
        step()
        for one, other in zip(eager[:2], compiled[:2], strict=True):
            assert same_bits(one.data, other.data), f"weights in call {i}"
            assert (one.grad is None) == (other.grad is None), f"gradient in call {i}"
            assert one.grad is None or same_bits(one.grad, other.grad), f"gradient in call {i}"
    assert step.stats()["replayed"] > 2


def test_a_forward_function_is_recorded_once_more_and_not_built_anew():
    model = nn.Linear(3, 2, generator=np.random.default_rng(0))
    forward = mg.compile(lambda x: model(x), backend="numpy")
    for i in range(12):
        assert same_bits(forward(X[None]).data, model(X[None]).data)
        if i == 4:
            model(X[None]).sum().backward()
        if i == 8:
            model.zero_grad()
    assert forward.stats()["programs"] == 1
    assert forward.stats()["recorded"] == 3


def _with_rows(z, i):
    z = z * 1
    z[i] = 0.0
    return z


INDEXED = {
    "labels": lambda z, i: mg.nn.functional.cross_entropy(z, i),
    "margins": lambda z, i: mg.nn.functional.multi_margin_loss(z, i),
    "elements": lambda z, i: (z[np.arange(4), i] ** 2).sum(),
    "rows": lambda z, i: (z[i] ** 2).sum(),
    "take": lambda z, i: (np.take(z, i, axis=0) ** 2).sum(),
    "along": lambda z, i: (np.take_along_axis(z, i[:, None], 1) ** 2).sum(),
    "embedding": lambda z, i: (mg.nn.functional.embedding(i, z) ** 2).sum(),
    "segments": lambda z, i: (mg.segment_sum(z, i, 3) ** 2).sum(),
    "means of segments": lambda z, i: (mg.segment_mean(z, i, 3) ** 2).sum(),
    "largest": lambda z, i: (mg.segment_max(z, i, 3) ** 2).sum(),
    "written": lambda z, i: (_with_rows(z, i[:2]) ** 2).sum(),
}


@pytest.mark.parametrize("name", INDEXED)
@pytest.mark.parametrize("how", ["jvp", "hvp", "vjp"])
def test_a_plain_cotangent_at_an_index_that_is_an_argument(name, how):
    """A gradient of ones is no recorded array, and what it is read at is."""
    f, ones = INDEXED[name], np.ones((4, 3), "float32")

    def step(z, i):
        if how == "jvp":
            return mg.jvp(lambda z: f(z, i), (mg.tensor(z),), (ones,))[1]
        if how == "hvp":
            return mg.hvp(lambda z: f(z, i), z, ones)
        return mg.vjp(lambda z: f(z, i) * ones[0], mg.tensor(z))[1](ones[0])[0]

    compiled, rng = mg.compile(step, backend="numpy"), np.random.default_rng(0)
    for _ in range(5):
        z, i = rng.standard_normal((4, 3)).astype("float32"), rng.permutation([0, 1, 2, 2])
        one, other = (np.asarray(getattr(x, "data", x)) for x in (step(z, i), compiled(z, i)))
        assert same_bits(one, other)
    assert compiled.stats()["recorded"] == 2


def test_gradients_of_a_network_by_its_inputs_inside_of_vmap():
    def made():
        net = nn.Sequential(nn.Linear(1, 4, generator=np.random.default_rng(0), dtype="float64"), nn.Tanh())
        optimizer = optim.Adam(net.parameters(), lr=0.01)

        def step(x):
            slope = mg.grad(mg.grad(lambda t: net(t.reshape(1, 1)).sum()))
            loss = (mg.vmap(slope)(x) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        return step

    eager, step = made(), mg.compile(made(), backend="numpy")
    for i in range(6):
        x = mg.tensor(np.linspace(0, 1 + i, 5))
        assert same_bits(eager(x).data, step(x).data)
    assert step.stats()["replayed"] == 4
