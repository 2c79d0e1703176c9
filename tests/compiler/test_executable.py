"""What a program that can run gives: results in their structures, in memory of their own."""

from collections import deque
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.compiler.tracing.trace_comparison import same_bits
from minigrad.errors import CompileError
from tests.compiler.test_compiled import Classifier, data, trainer


def test_inference_drops_what_only_a_gradient_needs():
    model = Classifier()
    x, y = data()
    forward = mg.compile(lambda x, y: nn.functional.cross_entropy(model(x), y))
    with mg.no_grad():
        for i in range(4):
            x, y = data(seed=i)
            made = forward(mg.tensor(x), y)
            assert same_bits(made.data, nn.functional.cross_entropy(model(mg.tensor(x)), y).data)
            assert not made.requires_grad
    stats = forward.stats()
    assert stats["calls"] < stats["calls recorded"]
    assert stats["bytes"] > 0
    assert "expm1" not in forward.source()


def test_results_and_gradients_belong_to_the_user():
    model, _, step = trainer()
    compiled = mg.compile(step)
    x, y = data()
    losses, gradients = [], []
    for _ in range(6):
        losses.append(compiled(mg.tensor(x), y))
        gradients.append((model.parameters()[0].grad, model.parameters()[0].grad.copy()))
    assert len({float(loss) for loss in losses}) == 6
    assert all(same_bits(kept, copy) for kept, copy in gradients)


def test_structures_and_static_arguments():
    @mg.compile
    def f(batch, scale, *, power=2):
        return {"twice": batch["x"] * scale, "both": [batch["x"] ** power, batch["pair"][0].data], "n": scale}

    for scale, power in [(2, 2), (2, 2), (2, 2), (0.5, 3), (0.5, 3), (0.5, 3)]:
        x, p = np.float32([1, 2]), np.float32([3])
        made = f({"x": mg.tensor(x), "pair": (mg.tensor(p),)}, scale, power=power)
        assert same_bits(made["twice"].data, x * scale)
        assert same_bits(made["both"][0].data, x**power)
        assert same_bits(made["both"][1], p)
        assert made["n"] == scale
    assert f.stats()["programs"] == 2


@dataclass
class Cached:
    """A dataclass that keeps more than its fields."""

    x: object

    def __post_init__(self):
        self.cache, self.seen, self.kind = {}, [1], "cached"


#: What a step returns, what a user does to it, and what is compared.
CHANGEABLE = {
    "a set": (lambda x: {1, 2}, lambda s: s.add(3), lambda s: s),
    "bytes": (lambda x: bytearray(b"ab"), lambda b: b.append(1), lambda b: b),
    "a set in a dict": (lambda x: {"a": [{1}]}, lambda d: d["a"][0].clear(), lambda d: d),
    "a set twice": (lambda x: [s := {1}, s], lambda two: two[0].add(2), lambda two: (two, two[0] is two[1])),
    "a dict beside fields": (Cached, lambda c: c.cache.update(a=1), lambda c: c.cache),
    "a list beside fields": (Cached, lambda c: c.seen.append(1), lambda c: (c.seen, c.kind)),
}


@pytest.mark.parametrize("backend", ["numpy", pytest.param("native", marks=pytest.mark.native)])
@pytest.mark.parametrize("kind", CHANGEABLE)
def test_what_can_be_changed_is_another_one_in_each_call(kind, backend):
    made, change, seen = CHANGEABLE[kind]
    step = mg.compile(lambda x: (x * 2, made(x)), backend=backend)
    for _ in range(6):
        twice, result = step(mg.tensor([1.0]))
        assert seen(result) == seen(made(twice))
        change(result)
    assert step.stats()["replayed"] == 4
    assert all(seen(one) == seen(made(None)) for one in [step(mg.tensor([1.0]))[1] for _ in range(3)])


@pytest.mark.parametrize("made", [lambda: deque([1]), lambda: SimpleNamespace(a=1), lambda: iter([1]), object])
def test_objects_that_are_others_in_each_call_are_refused_by_their_types(made):
    step = mg.compile(lambda x: (x * 2, made()), backend="numpy")

    def calls():
        for _ in range(9):
            step(mg.tensor([1.0]))

    with pytest.raises(CompileError, match=rf"what is returned \({type(made()).__name__}, .* return what is in it"):
        calls()
    assert not step.stats()["replayed"]


@pytest.mark.parametrize("outside", [[1, 2], {3}, deque([1]), SimpleNamespace(a=1)])
def test_objects_from_outside_are_the_very_ones(outside):
    step = mg.compile(lambda x: (x * 2, {"a": outside}), backend="numpy")
    assert all(step(mg.tensor([1.0]))[1]["a"] is outside for _ in range(6))
    assert step.stats()["replayed"] == 4


@pytest.mark.native
def test_objects_and_sets_from_many_steps_in_one_call():
    outside, w = {3}, mg.tensor([1.0, 2.0])

    def step():
        w.data *= 0.5
        return w.sum(), outside, {1}

    compiled = mg.compile(step, backend="native")
    _, others, sets = compiled.repeat(40)
    assert compiled.stats()["repeats in machine code"]
    assert len(others) == len(sets) == 40
    assert all(x is outside for x in others)
    sets[0].add(2)
    assert all(x == {1} for x in sets[1:])
    assert len({id(x) for x in sets}) == 40


@pytest.mark.parametrize("made", [SimpleNamespace, lambda **x: deque(x.values()), lambda a: lambda: a])
@pytest.mark.parametrize("use", [np.array, float, lambda x: x + 1, str, lambda x: x.item()])
def test_an_array_that_left_a_step_in_another_way_says_so(made, use):
    result = mg.compile(lambda x: made(a=(x * 2).data), backend="numpy")(mg.tensor(1.0))
    left = result.a if hasattr(result, "a") else result[0] if isinstance(result, deque) else result()
    with pytest.raises(CompileError, match=r"(?s)left it in another way than as its result.* in a tuple"):
        use(left)
