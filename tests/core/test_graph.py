"""The graph and the walk: order, memory, freeing, recording, threads, and gradients of gradients."""

import gc
import threading
import weakref

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.graph import Node, sum_to_shape


def leaf(*values):
    return mg.tensor(np.array(values[0] if len(values) == 1 else values, float), requires_grad=True)


def test_every_path_adds_up():
    x = leaf(3.0)
    y = x * x
    z = y * y + y + x  # x⁴ + x² + x
    z.backward()
    assert x.grad == 4 * 27 + 2 * 3 + 1


def test_backward_adds_to_what_is_there_and_leaves_a_kept_gradient_alone():
    x = leaf(1.0, 2.0)
    (x * 3).sum().backward()
    kept = x.grad
    (x * 4).sum().backward()
    assert kept.tolist() == [3, 3]
    assert x.grad.tolist() == [7, 7]
    x.zero_grad()
    assert x.grad is None


def test_a_deep_graph_walks_and_dies_without_recursion():
    x = leaf(1.0)
    y = x
    for _ in range(200_000):  # a frame for each would take more than a stack
        y = y + 1.0
    y.backward(retain_graph=True)
    assert x.grad == 1
    repr(y)
    del y


def test_a_graph_dies_without_the_collector():
    gc.collect()
    gc.disable()
    try:
        x = leaf(1.0, 2.0)
        y = (x.exp() * x).sum()
        z = mg.autograd.grad(y, [x], create_graph=True)[0].sum()
        dead = [weakref.ref(t) for t in (y, z)]
        z.backward()
        del y, z
        assert [ref() for ref in dead] == [None, None]
        assert not [o for o in gc.get_objects() if type(o) is Node]
        assert gc.collect() == 0
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("f", "kept"),
    [
        (lambda x: x + 1.0, False),  # its formula mentions nothing
        (lambda x: x.sum(), False),  # only the shape
        (lambda x: x * 2.0, False),  # only the other factor
        (lambda x: x.log(), True),
    ],
)
def test_only_what_formulas_mention_is_kept_alive(f, kept):
    x = leaf(1.0, 2.0) * 1.0
    alive = weakref.ref(x._array)
    z = f(x)
    del x
    assert (alive() is not None) == kept
    assert z.requires_grad


def test_a_walk_frees_as_it_goes():
    x = leaf(np.ones(3))
    y = x.exp()
    alive = weakref.ref(y._array)
    z = (y * y).sum()
    del y
    assert alive() is not None
    z.backward()
    assert alive() is None


def test_a_constant_operand_costs_no_edge():
    x = leaf(1.0, 2.0)
    z = x * mg.tensor([3.0, 4.0])
    assert [edge is None for edge in z._node.edges] == [False, True]


def test_no_grad_records_nothing_and_ends_with_an_error_too():
    x = leaf(1.0)
    with mg.no_grad():
        assert not (x * 2).requires_grad
        with mg.enable_grad():
            assert (x * 2).requires_grad
        assert not (x * 2).requires_grad
    with pytest.raises(KeyError), mg.no_grad():
        raise KeyError
    assert (x * 2).requires_grad

    @mg.no_grad()
    def f(depth):
        return f(depth - 1) if depth else (x * 2).requires_grad

    assert not f(3)
    assert (x * 2).requires_grad


def test_no_grad_stays_in_its_thread():
    x, seen = leaf(1.0), []
    with mg.no_grad():
        thread = threading.Thread(target=lambda: seen.append((x * 2).requires_grad))
        thread.start()
        thread.join()
    assert seen == [True]


def test_two_threads_train_two_models():
    def train(seed, out):
        rng = np.random.default_rng(seed)
        model = mg.nn.Linear(3, 2, generator=rng, dtype=float)
        optimizer = mg.optim.Adam(model.parameters(), lr=0.1)
        x, y = mg.tensor(rng.standard_normal((8, 3))), rng.integers(0, 2, 8)
        for _ in range(30):
            loss = mg.nn.CrossEntropyLoss()(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        out[seed] = loss.item()

    alone, together = {}, {}
    for seed in (1, 2):
        train(seed, alone)
    threads = [threading.Thread(target=train, args=(seed, together)) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert alone == together


def test_gradients_of_gradients_to_order_four():
    x = leaf(2.0)
    y = x**5
    for want in (80.0, 160.0, 240.0, 240.0):
        [y] = mg.autograd.grad(y, [x], create_graph=True)
        assert y.item() == pytest.approx(want)


def test_grad_prunes_what_does_not_lead_to_the_inputs():
    x, w = leaf(2.0), leaf(3.0)
    middle = x * w
    other = (w * 5).exp()
    z = middle * other
    [to_middle] = mg.autograd.grad(z, [middle], retain_graph=True)
    assert to_middle.item() == other.item()
    assert x.grad is None
    assert w.grad is None
    [dx, dmiddle] = mg.autograd.grad(z, [x, middle])
    assert dx.item() == pytest.approx(3 * other.item())
    assert dmiddle.item() == other.item()


def test_grad_of_several_outputs_sums_them():
    x = leaf(2.0)
    [g] = mg.autograd.grad([x * 3, x * x, x], [x], [None, mg.tensor(10.0), None])
    assert g.item() == 3 + 40 + 1
    [g] = mg.autograd.grad([x, x], [x])
    assert g.item() == 2


def test_unused_input_is_none_where_allowed():
    x, y = leaf(1.0), leaf(1.0)
    assert mg.autograd.grad(x * 2, [y], allow_unused=True) == [None]
    assert mg.autograd.grad(mg.tensor(1.0), [y], allow_unused=True) == [None]


def test_create_graph_keeps_the_graph_and_connects_the_incoming_gradient():
    x, v = leaf(2.0, 3.0), leaf(1.0, 10.0)
    [g] = mg.autograd.grad(x * x, [x], v, create_graph=True)
    [dx, dv] = mg.autograd.grad(g.sum(), [x, v])
    assert dx.data.tolist() == [2, 20]
    assert dv.data.tolist() == [4, 6]


def test_gradients_share_no_memory_and_are_writable():
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    seed = np.array([1.0, 1.0])
    (x + y).backward(seed)
    x.grad += 100
    assert y.grad.tolist() == [1, 1]
    assert seed.tolist() == [1, 1]
    x.zero_grad()
    x.backward(seed)
    assert not np.shares_memory(x.grad, seed)


def test_an_error_in_a_formula_names_the_op_and_changes_no_gradient():
    broken = mg.primitive(lambda x: x * 1.0, lambda g: np.linalg.inv(g), name="broken_inverse")
    x, w = leaf(1.0, 2.0), leaf(1.0, 1.0)
    z = (broken(x) * w).sum()
    with pytest.raises(np.linalg.LinAlgError) as caught:
        z.backward()
    assert "broken_inverse" in caught.value.__notes__[0]
    assert "argument 0" in caught.value.__notes__[0]
    assert x.grad is None
    assert w.grad is None


def test_a_formula_of_the_wrong_shape_is_an_error():
    wrong = mg.primitive(lambda x: x * 1.0, lambda g: g[:1], name="wrong_shape")
    with pytest.raises(mg.errors.ShapeError, match=r"\(1,\).*\(2,\)"):
        wrong(leaf(1.0, 2.0)).sum().backward()


def test_unknown_names_in_a_formula_are_refused_at_once():
    with pytest.raises(TypeError, match="takes g first and then any of z, x, x_shape; got g, w"):
        mg.primitive(lambda x: x, lambda g, w: g * w, name="unknown_name")
    with pytest.raises(TypeError, match="got z"):
        mg.primitive(lambda x: x, lambda z: z, name="no_g")


@pytest.mark.parametrize(
    ("shape", "to"), [((2, 3), (3,)), ((2, 3), (1, 3)), ((2, 3), (2, 1)), ((2, 3), ()), ((0, 3), (1, 3)), ((4,), (4,))]
)
def test_sum_to_shape_undoes_broadcasting(shape, to):
    g = np.arange(np.prod(shape), dtype=float).reshape(shape)
    want = np.zeros(to) if not g.size else g.reshape((1,) * (2 - len(shape)) + shape)
    got = sum_to_shape(g, to)
    assert got.shape == to
    assert got.sum() == want.sum()


def test_the_source_of_an_op_can_be_read():
    assert "formula_1, (x, ))" in mg.multiply.op.source
    assert mg.exp.__doc__.startswith(f"{mg.exp.op.doc}\n\n>>> ")  # its example is below
    assert repr(mg.sum.op) == "<op sum(a, axis, keepdims)>"


@pytest.mark.parametrize("seed", range(20))
def test_values_used_again_much_later_have_their_whole_gradient_before_their_turn(seed):
    rng = np.random.default_rng(seed)
    x = leaf(1.0)
    tensors, tangents = [x], [1.0]
    for _ in range(60):
        i, j = rng.integers(0, len(tensors), 2)
        a, b = rng.uniform(-1, 1, 2)
        tensors.append(tensors[i] * a + tensors[j] * b)
        tangents.append(tangents[i] * a + tangents[j] * b)
    weights = rng.uniform(-1, 1, len(tensors))
    sum(t * w for t, w in zip(tensors, weights, strict=True)).backward()
    assert x.grad == pytest.approx(np.sum(np.multiply(tangents, weights)), rel=1e-12, abs=1e-12)


def test_an_own_op_of_any_number_of_arrays():
    """A forward of *xs has one formula, which may ask for all of them, and for which one it is."""

    def product(xs, i):
        result = 1.0
        for number, x in enumerate(xs):
            result = result if number == i else result * x
        return result

    multiply_all = mg.primitive(
        lambda *xs: product(xs, None), lambda g, i, xs: g * product(xs, i), name="multiply_all", analytic=True
    )
    x, y, z = leaf(1.0, 2.0), leaf(3.0, 4.0), leaf(5.0, 6.0)
    multiply_all(x, y, z).sum().backward()
    assert x.grad.tolist() == [15, 24]
    assert z.grad.tolist() == [3, 8]
    mg.testing.check_gradients(multiply_all, *np.random.default_rng(0).normal(size=(3, 4)))
    w = multiply_all(x, y, z).sum()
    y.data = np.zeros(2)
    with pytest.raises(mg.errors.GraphError, match="multiply_all saved a tensor"):
        w.backward()


def test_a_residual_needs_the_names_that_its_own_op_needs():
    with pytest.raises(TypeError, match="asks for error must ask for target too"):
        mg.primitive(
            lambda x, target: (x, x), lambda g, error: g * error, name="needy",
            residuals={"error": mg.ops.cross_entropies.softmax_error},
        )  # fmt: skip


def test_weak_references_to_tensors_and_dtype_of_a_changed_leaf():
    x = leaf(1.0, 2.0)
    assert weakref.ref(x)() is x
    x.grad = [1.0, 1.0]
    x.data = np.array([1.0, 2.0], "f4")
    assert x.grad is None
    (x * 2).sum().backward()
    assert x.grad.dtype == np.float32


def test_an_op_without_any_formula_is_constant():
    rounded = mg.primitive(lambda x: np.rint(x), None, name="rounded")
    assert not rounded(leaf(1.2)).requires_grad
