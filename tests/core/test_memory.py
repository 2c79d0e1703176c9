"""What a graph keeps is its own: whatever is written between a use and ``backward()``, the gradient is that of the use.

Every function of the table is held to it by ``check_primitive`` ("keeps its own"); here is how users write.
"""

import gc
import weakref

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.core import memory
from minigrad.errors import DTypeError, GraphError
from minigrad.nn import functional as F
from minigrad.transforms.checkpointing import checkpoint

RNG = np.random.default_rng(0)
VALUES = RNG.normal(size=(4, 3))
BUFFER = RNG.normal(size=(4, 3))


def spoil(buffer):
    if isinstance(buffer, list):
        buffer[:] = [0] * len(buffer)
    else:
        buffer[...] = ~buffer if buffer.dtype == bool else 0 if buffer.dtype.kind in "iu" else 7.5


def mask():
    return VALUES > 0


def triangle():
    return np.tril(np.ones((4, 4), bool))


def labels():
    return np.array([2, 1, 2, 1])


def weight_in(w):
    return w["by"][0] if isinstance(w, dict) else w


scaled = mg.primitive(lambda x, w=None: x * weight_in(w), lambda g, w: g * weight_in(w), name="scaled_for_memory")


USES = {  # name: (the user's array, what is computed with it)
    "operand": (BUFFER.copy, lambda x, b: x * b),
    "operand on the left": (BUFFER.copy, lambda x, b: b / x),
    "matmul": (BUFFER.copy, lambda x, b: x @ b.T),
    "view": (lambda: np.ones((3, 4)), lambda x, b: x * b.T),
    "broadcast": (lambda: np.ones(3), lambda x, b: x * np.broadcast_to(b, (4, 3))),
    "read-only view": (BUFFER.copy, lambda x, b: x * read_only(b)),
    "memory of another object": (lambda: np.frombuffer(bytearray(BUFFER)).reshape(4, 3), lambda x, b: x * b),
    "tensor around it": (BUFFER.copy, lambda x, b: x * mg.Tensor(b)),
    "view of a tensor around it": (lambda: np.ones((3, 4)), lambda x, b: x * mg.Tensor(b).T),
    "assigned data": (BUFFER.copy, lambda x, b: x * assigned(b)),
    "indices": (labels, lambda x, b: x[b] ** 2),
    "indices side by side": (labels, lambda x, b: x[b, b] ** 2),
    "a list of indices": (lambda: [2, 1, 2, 1], lambda x, b: x[b] ** 2),
    "a mask": (mask, lambda x, b: x[b] ** 2),
    "a mask of where": (mask, lambda x, b: np.where(b, x, 0) * 2),
    "take": (labels, lambda x, b: mg.take(x, b, axis=0) ** 2),
    "take_along_axis": (lambda: np.ones((4, 1), int), lambda x, b: np.take_along_axis(x, b, axis=1) ** 2),
    "written in place": (labels, lambda x, b: filled(x, b)),
    "limits": (lambda: np.zeros((4, 3)), lambda x, b: np.clip(x, b, 2.0)),
    "an exponent": (lambda: np.full((4, 3), 2.0), lambda x, b: (x * x + 1) ** b),
    "axes in a list": (lambda: [1, 0], lambda x, b: mg.transpose(x, b) ** 2),
    "weights": (lambda: np.ones(3), lambda x, b: np.average(x, axis=1, weights=b)),
    "segments": (lambda: np.array([0, 0, 1, 2]), lambda x, b: mg.segment_sum(x, b) ** 2),
    "einsum": (BUFFER.copy, lambda x, b: np.einsum("ij,ij->i", x, b)),
    "interpolation": (lambda: np.arange(5.0), lambda x, b: np.interp(np.abs(x), b, b**2)),
    "joined": (BUFFER.copy, lambda x, b: np.concatenate([x, b]) ** 2),
    "embedding": (labels, lambda x, b: F.embedding(b, x) ** 2),
    "classes": (labels, lambda x, b: F.cross_entropy(x, b)),
    "class weights": (lambda: np.ones(3), lambda x, b: F.cross_entropy(x, labels(), weight=b)),
    "soft targets": (lambda: np.full((4, 3), 0.25), lambda x, b: F.binary_cross_entropy_with_logits(x, b)),
    "targets": (BUFFER.copy, lambda x, b: F.mse_loss(x, b)),
    "a convolution": (lambda: np.ones((2, 1, 2)), lambda x, b: F.conv1d(x[:, None], b) ** 2),
    "the batch of a layer": (BUFFER.copy, lambda x, b: F.linear(b, x)),
    "the mask of attention": (triangle, lambda x, b: F.scaled_dot_product_attention(x, x, x, b)),
    "an op of one's own": (BUFFER.copy, lambda x, b: scaled(x, w=b)),
    "a dict given to it": (BUFFER.copy, lambda x, b: scaled(x, w={"by": [b]})),
    "checkpoint": (BUFFER.copy, lambda x, b: checkpoint(lambda x, b: (x * b).tanh(), x, b)),
    "a large array": (lambda: np.ones((4, 3, 4000)), lambda x, b: x[..., None] * b),
    "an array of another library": (lambda: pytest.importorskip("torch").ones(4, 3).numpy(), lambda x, b: x * b),
}  # fmt: skip


def read_only(array):
    view = array.view()
    view.flags.writeable = False
    return view


def assigned(array):
    made = mg.zeros(array.shape)
    made.data = array
    return made


def filled(x, places):
    made = mg.zeros((4, 3), x.dtype)
    made[places] = x
    return made * made


@pytest.mark.parametrize("second", [False, True], ids=["first order", "second order"])
@pytest.mark.parametrize("name", USES)
def test_an_array_that_is_written_after_its_use(name, second):
    make, use = USES[name]
    found = []
    for again in (False, True):
        x = mg.tensor(VALUES, requires_grad=True)
        buffer = make()
        loss = (use(x, buffer) ** 2).sum()
        if second:
            (g,) = mg.autograd.grad(loss, [x], create_graph=True)
            loss = (g * g).sum()
        if again:
            spoil(buffer)
        loss.backward()
        found.append(x.grad)
    assert np.isfinite(found[0]).all()
    assert found[0].any()
    assert np.array_equal(*found)


def test_a_work_array_that_is_filled_in_a_loop():
    x = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    buffer, total = np.zeros(3), 0.0
    for k in range(3):
        buffer[:] = k
        total = total + (x * buffer).sum()
    total.backward()
    assert x.grad.tolist() == [3.0, 3.0, 3.0]


def test_an_argument_of_a_transform_that_is_written_before_the_pullback():
    buffer = np.array([1.0, 2.0])
    _, pull = mg.vjp(lambda x: x * x, buffer)
    buffer[:] = 0
    assert pull(np.ones(2))[0].tolist() == [2.0, 4.0]


HANDED_OUT = {  # name: how the memory of a tensor comes out
    "data": lambda h: h.data,
    "numpy()": lambda h: h.detach().numpy(),
    "asarray": lambda h: np.asarray(h.detach()),
    "a view": lambda h: h[1:].data,
    "a view of a view": lambda h: h.T[0].data,
    "reshape": lambda h: h.reshape(-1).data,
    "dlpack": lambda h: pytest.importorskip("torch").from_dlpack(h.detach()),
}


@pytest.mark.parametrize("early", [False, True], ids=["read after the use", "read before the use"])
@pytest.mark.parametrize("name", HANDED_OUT)
def test_the_numbers_of_a_tensor_in_a_graph_that_are_written(name, early):
    """The gradient is that of the use, and the tensor has the new numbers."""
    x = mg.tensor(VALUES, requires_grad=True)
    h = mg.tanh(x)
    rows = h[:2]
    before = HANDED_OUT[name](h) if early else None
    loss = (h * h).sum() + (rows * rows * rows).sum()
    numbers = before if early else HANDED_OUT[name](h)
    numbers[:] = 5
    assert 5 in h.tolist()[1]
    assert 5 in rows.tolist()[1]
    loss.backward()
    slope = 1 - np.tanh(VALUES) ** 2
    want = 2 * np.tanh(VALUES) * slope
    want[:2] += 3 * np.tanh(VALUES[:2]) ** 2 * slope[:2]
    assert np.allclose(x.grad, want)


@pytest.mark.parametrize("name", HANDED_OUT)
def test_the_numbers_of_a_leaf_that_are_written_after_its_use(name):
    """An optimizer knows where they lie, so they stay there, and the use is refused, as after an optimizer's step."""
    for leaf in (mg.tensor(VALUES, requires_grad=True), nn.Parameter(VALUES.copy())):
        loss = (leaf * leaf).sum()
        HANDED_OUT[name](leaf)[:] = 5
        with pytest.raises(GraphError, match="data changed between forward and backward: multiply"):
            loss.backward()
        assert leaf.grad is None
        assert (leaf.data == 5).any()


@pytest.mark.parametrize("name", HANDED_OUT)
def test_the_numbers_of_a_leaf_that_are_read(name):
    leaf = mg.tensor(VALUES, requires_grad=True)
    loss = (leaf * leaf).sum()
    HANDED_OUT[name](leaf)
    loss.backward()
    assert np.array_equal(leaf.grad, 2 * VALUES)
    numbers = HANDED_OUT[name](leaf)  # handed out before the use, so what a formula saves is a copy
    loss = (leaf * leaf).sum()
    numbers[:] = 5
    loss.backward()
    assert np.array_equal(leaf.grad, 4 * VALUES)


def test_the_numbers_of_a_leaf_that_an_optimizer_has_laid_beside_others():
    model = nn.Linear(3, 2, dtype="float64", generator=np.random.default_rng(0))
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        (model(VALUES) ** 2).sum().backward()
        optimizer.step()
    optimizer.zero_grad()
    x = mg.tensor(VALUES, requires_grad=True)
    loss = model(x).sum()
    assert np.isfinite(model.bias.data).all()  # reading one of them changes nothing for the others
    model.weight.data[0] = 0
    with pytest.raises(GraphError, match="data changed between forward and backward: linear"):
        loss.backward()
    model(x).sum().backward()
    assert np.allclose(x.grad, model.weight.data.sum(0))


def test_a_constant_that_is_written_after_its_use():
    x = mg.tensor(VALUES, requires_grad=True)
    total, c = 0.0, mg.zeros((4, 3), "float64")
    for k in range(3):
        c.data[...] = k
        total = total + (x * c).sum()
    total.backward()
    assert (x.grad == 3).all()


def test_a_frozen_parameter_that_is_written_after_its_use():
    x = mg.tensor(VALUES, requires_grad=True)
    model = nn.Linear(3, 2, dtype="float64", generator=np.random.default_rng(0))
    model.weight.requires_grad_(False)
    want = np.tile(model.weight.data.sum(0), (4, 1))
    loss = model(x).sum()
    model.weight.data[...] = 0
    loss.backward()
    assert np.allclose(x.grad, want)


def test_what_no_formula_asks_for_is_not_copied():
    """And nothing under ``no_grad``, where no graph is."""
    x = mg.tensor(VALUES, requires_grad=True)
    for use, recorded in ((lambda b: x + b, True), (lambda b: x.sum() + b, True), (lambda b: x * b, False)):
        buffer = BUFFER.copy()
        with mg.enable_grad() if recorded else mg.no_grad():
            z = use(buffer)
        saved = [
            a for edge in (z._node.edges if recorded else ()) if edge for a in edge[2] if isinstance(a, np.ndarray)
        ]
        assert not saved


def test_one_copy_of_a_large_array_serves_all_nodes_and_goes_with_them():
    x = mg.tensor(np.ones(300), requires_grad=True)
    matrix = RNG.normal(size=(300, 300))
    z = x
    for _ in range(5):
        z = matrix @ z * 0.01
    saved = set()
    node = z._node
    while type(node).__name__ == "Node":
        saved |= {id(a) for edge in node.edges if edge for a in edge[2] if getattr(a, "shape", 0) == (300, 300)}
        node = next(edge[0] for edge in node.edges if edge)
    assert len(saved) == 1
    assert id(matrix) not in saved
    matrix[0] += 1
    other = matrix @ x
    assert other._node.edges[1][2][0][0, 0] == matrix[0, 0]
    del other, node
    z.sum().backward()
    del z
    gc.collect()
    assert not [a for a in memory._copies.values() if a.shape == (300, 300)]


def test_reading_moves_only_what_somebody_else_holds():
    x = mg.tensor(VALUES, requires_grad=True)
    for use, moved in ((lambda: x * 2, False), (lambda: mg.tanh(x), True)):
        z = use()
        place = z._array.ctypes.data
        assert (z.data.ctypes.data != place) == moved
        assert z.data is z.data
    c = mg.tensor(VALUES)
    kept = c * x
    assert c._array is kept._node.edges[1][2][0] is not c.data


def test_memory_that_was_handed_out_is_forgotten_with_its_array():
    before = len(memory.SHARED)
    t = mg.Tensor(np.ones(3))
    gone = weakref.ref(t.data)
    assert len(memory.SHARED) == before + 1
    del t
    assert gone() is None
    assert len(memory.SHARED) == before


def test_detect_anomaly_keeps_its_own_too():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    buffer = np.array([3.0, 4.0], np.float32)
    with mg.detect_anomaly():
        loss = (x * buffer).sum() + np.concatenate([x, buffer]).sum()
        buffer[:] = 0
        loss.backward()
    assert x.grad.tolist() == [4.0, 5.0]


def test_a_compiled_step_has_the_rule_of_its_arguments():
    @mg.compile
    def step(x, buffer):
        return mg.grad(lambda x: (x * buffer).sum())(x)

    buffer = np.ones(3)
    for k in range(5):
        buffer[:] = k
        assert np.array_equal(np.asarray(step(np.ones(3), buffer)), np.full(3, float(k)))


@pytest.mark.parametrize("seed", range(40))
def test_programs_of_uses_and_writes(seed):
    """Whatever is written at the end, or between the uses, the gradients are those of arrays that nobody writes to."""
    found = [_program(seed, writes) for writes in (False, True)]
    assert np.array_equal(*found)


OPS = [
    lambda a, b: a * b,
    lambda a, b: a / (b * b + 1),
    lambda a, b: mg.tanh(a) * b,
    np.maximum,
    lambda a, b: a @ b.T @ a,
    lambda a, b: np.where(b > 0, a, b),
]


def _program(seed, writes):
    rng = np.random.default_rng(seed)
    x = mg.tensor(rng.normal(size=(3, 3)), requires_grad=True)
    buffers = [rng.normal(size=(3, 3)) for _ in range(2)]
    constant, values, handed = mg.tensor(rng.normal(size=(3, 3))), [x * 1], []
    total = (values[0] ** 2).sum()
    for _ in range(10):
        kind, i, j, k = (int(n) for n in rng.integers(0, [6, 1 << 20, 1 << 20, 4]))
        a, b = values[i % len(values)], buffers[j % 2]
        if kind < 3:
            other = [b, constant, mg.Tensor(b), values[j % len(values)]][k]
            values.append(OPS[i % len(OPS)](a, other))
            total = total + values[-1].sum()
        elif kind == 3:
            values.append(a[:, ::-1] if k < 2 else a.T)
        elif kind == 4 and writes:
            b[...] = rng.normal(size=(3, 3))
        elif kind == 4:
            buffers[j % 2] = rng.normal(size=(3, 3))
        elif writes:
            handed.append(a.data)
    if writes:
        for array in [*handed, *buffers, constant.data, *[value.data for value in values]]:
            array[...] = np.nan
    total.backward()
    return x.grad


def test_the_mask_of_an_index_is_not_lost():
    x = mg.tensor(np.arange(3.0), requires_grad=True)
    for index in (np.ma.array([0, 1], mask=[True, False]), np.ma.array([True, False, True], mask=[True, False, False])):
        for read in (lambda i: x[i], lambda i: mg.take(x, i), lambda i: x[(i,)]):
            with pytest.raises(DTypeError, match=r"the mask of .* would be lost"):
                read(index)
    assert x[np.ma.array([0, 1])].shape == (2,)
