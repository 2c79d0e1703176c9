"""Random graphs, grown step by step, against a naive twin that differentiates with dual numbers.

The twin is forward mode on a seed direction per leaf, recomputed from the recipe at every check: no
graph, no formulas of the package, nothing shared with it but NumPy's values.
"""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

import minigrad as mg


def turned(y):
    return y.T if y.ndim > 1 else y


UNARY = {
    "exp": (lambda x: np.exp(x / 4), lambda x, d: np.exp(x / 4) * d / 4),
    "tanh": (np.tanh, lambda x, d: (1 - np.tanh(x) ** 2) * d),
    "square": (lambda x: x * x / 4, lambda x, d: x * d / 2),
    "sum": (lambda x: np.sum(x, -1, keepdims=True), lambda x, d: np.sum(d, -1, keepdims=True)),
    "mean": (lambda x: np.mean(x, 0), lambda x, d: np.mean(d, 0)),
    "transpose": (lambda x: np.swapaxes(x, 0, -1), lambda x, d: np.swapaxes(d, 0, -1)),
    "take": (lambda x: x[[0, -1, 0]], lambda x, d: d[[0, -1, 0]]),
    "negative": (lambda x: -x, lambda x, d: -d),
}
BINARY = {
    "add": (lambda x, y: x + y, lambda x, y, dx, dy: dx + dy),
    "subtract": (lambda x, y: x - y, lambda x, y, dx, dy: dx - dy),
    "multiply": (lambda x, y: x * y / 4, lambda x, y, dx, dy: (dx * y + x * dy) / 4),
    "divide": (lambda x, y: x / (y * y + 1), lambda x, y, dx, dy: dx / (y * y + 1) - x * 2 * y * dy / (y * y + 1) ** 2),
    "matmul": (
        lambda x, y: np.matmul(x, turned(y)),
        lambda x, y, dx, dy: np.matmul(dx, turned(y)) + np.matmul(x, turned(dy)),
    ),
}
SHAPES = [(3,), (3, 3), (1, 3), (3, 1)]


class Graphs(RuleBasedStateMachine):
    """Nodes are pairs: a Tensor, and the recipe (function, tangent rule, arguments) of its value."""

    nodes = Bundle("nodes")

    def __init__(self):
        super().__init__()
        self.made = []
        self.leaves = []

    def twin(self, node, direction):
        """(value, tangent) of a node when the leaves move along their directions."""
        known = {}
        for number, (_, recipe) in enumerate(self.made[: node + 1]):
            if recipe[0] == "leaf":
                known[number] = (recipe[1], direction[recipe[2]])
            else:
                f, tangent, arguments = recipe
                values = [known[a] for a in arguments]
                known[number] = (f(*[v for v, _ in values]), tangent(*[v for v, _ in values], *[d for _, d in values]))
        return known[node]

    def new(self, tensor, recipe):
        self.made.append((tensor, recipe))
        return len(self.made) - 1

    @rule(target=nodes, shape=st.sampled_from(SHAPES), seed=st.integers(0, 10**6))
    def leaf(self, shape, seed):
        value = np.random.default_rng(seed).uniform(-1, 1, shape)
        self.leaves.append(mg.tensor(value, requires_grad=True))
        return self.new(self.leaves[-1], ("leaf", value.copy(), len(self.leaves) - 1))

    @rule(target=nodes, x=nodes, name=st.sampled_from(sorted(UNARY)))
    def unary(self, x, name):
        f, tangent = UNARY[name]
        tensor = self.made[x][0]
        if tensor.ndim == 0 or tensor.size > 100:
            return x
        return self.new(f(tensor), (f, tangent, (x,)))

    @rule(target=nodes, x=nodes, y=nodes, name=st.sampled_from(sorted(BINARY)))
    def binary(self, x, y, name):
        f, tangent = BINARY[name]
        a, b = self.made[x][0], self.made[y][0]
        if name == "matmul" and (not a.ndim or not b.ndim or a.shape[-1] != b.shape[-1]):
            return x
        try:
            np.broadcast_shapes(a.shape, b.shape)
        except ValueError:
            if name != "matmul":
                return x
        return self.new(f(a, b), (f, tangent, (x, y)))

    @rule(x=consumes(nodes), seed=st.integers(0, 10**6))
    def backward(self, x, seed):
        """<gradients, direction> equals <seed, tangent along that direction>, for random directions."""
        tensor = self.made[x][0]
        rng = np.random.default_rng(seed)
        g = rng.standard_normal(tensor.shape)
        direction = [rng.standard_normal(leaf.shape) for leaf in self.leaves]
        value, tangent = self.twin(x, direction)
        np.testing.assert_allclose(tensor.data, value, rtol=1e-12, atol=1e-12)
        for leaf in self.leaves:
            leaf.zero_grad()
        before = [leaf.data.copy() for leaf in self.leaves]
        tensor.backward(g, retain_graph=True)
        raw = [None if leaf.grad is None else leaf.grad.copy() for leaf in self.leaves]
        recorded = mg.autograd.grad(tensor, self.leaves, g, create_graph=True, allow_unused=True)
        for leaf, old, r, lifted in zip(self.leaves, before, raw, recorded, strict=True):
            assert np.array_equal(leaf.data, old)
            assert (r is None) == (lifted is None)
            assert r is None or np.array_equal(r, lifted.data)
        slope = sum(np.sum(r * d) for r, d in zip(raw, direction, strict=True) if r is not None)
        scale = sum(np.sum(np.abs(r * d)) for r, d in zip(raw, direction, strict=True) if r is not None)
        assert abs(slope - np.sum(g * tangent)) <= 1e-9 * (1 + scale)

    @invariant()
    def recording_is_on(self):
        assert (mg.tensor(1.0, requires_grad=True) * 1).requires_grad


TestGraphs = Graphs.TestCase
TestGraphs.settings = settings(settings.get_profile("quick"), max_examples=40, stateful_step_count=25)
