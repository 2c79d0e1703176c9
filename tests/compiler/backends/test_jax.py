"""The backend "jax": the same program under jax.jit agrees with the step as it is written to rounding."""

import importlib
import importlib.util
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad as mg
from minigrad import nn, optim
from minigrad.compiler.program import RESULT, Value
from minigrad.compiler.tracing.trace_comparison import ROUNDING, same_bits, same_to_rounding
from minigrad.errors import CompileError
from minigrad.testing.strategies import programs
from tests.compiler.test_compiled import OPTIMIZERS, data, trainer
from tests.compiler.test_random_programs import BINARY, UNARY, VALUES_ONLY

HAS_JAX = importlib.util.find_spec("jax") is not None
needs_jax = pytest.mark.skipif(not HAS_JAX, reason="jax is not installed: pip install jax")
pytestmark = pytest.mark.jax


def assert_close(one, other):
    one, other = np.asarray(getattr(one, "data", one)), np.asarray(getattr(other, "data", other))
    assert (one.shape, one.dtype) == (other.shape, other.dtype)
    assert same_to_rounding(one, other), f"{one} is not {other}: {np.abs(one - other).max()}"


def arrays_of(optimizer):
    flats = [flat for flats in optimizer._flats for flat in flats]
    return [array for flat in flats for array in (*[p.data for p in flat.parameters], *flat.state.values())]


def compiled_and_eager(function, *calls, **options):
    """The results of a function in each way, and the compiled one."""
    compiled = mg.compile(function, backend="jax", **options)
    for args in calls:
        assert_close(function(*args), compiled(*args))
    return compiled


# -- training steps -------------------------------------------------------------------------------


@needs_jax
@pytest.mark.parametrize(("name", "dtype"), [*[(name, "float32") for name in OPTIMIZERS], ("Adam", "float64")])
@pytest.mark.slow
def test_two_hundred_steps_agree_with_eager_ones(name, dtype):
    (model, optimizer, eager), (model_2, optimizer_2, step) = (trainer(OPTIMIZERS[name], dtype=dtype) for _ in "ab")
    step = mg.compile(step, backend="jax")
    x, y = data(dtype=dtype)
    for i in range(200):
        assert_close(eager(mg.tensor(x), y), step(mg.tensor(x), y))
        for p, q in zip(model.parameters(), model_2.parameters(), strict=True):
            assert_close(p.grad, q.grad)
            assert q.grad.flags.writeable
            assert q.grad.flags.owndata
        for array, array_2 in zip(arrays_of(optimizer), arrays_of(optimizer_2), strict=True):
            # An optimizer divides by gradients: after a step from the same state it agrees, after many it need not.
            assert_close(array, array_2)
            array_2[...] = array
        assert (optimizer.iterations, optimizer.current_lr) == (optimizer_2.iterations, optimizer_2.current_lr) == (
            i + 1, optimizer.current_lr,
        )  # fmt: skip
    stats = step.stats()
    assert (stats["replayed"], stats["eager"], stats["callbacks"], stats["devices"]) == (198, 0, [], 1)
    assert stats["compile seconds"] > 0


@needs_jax
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_two_hundred_steps_by_itself_learn_the_same(name):
    (_, _, eager), (_, _, step) = trainer(OPTIMIZERS[name]), trainer(OPTIMIZERS[name])
    step = mg.compile(step, backend="jax")
    x, y = data()
    losses = [(float(eager(mg.tensor(x), y).data), float(step(mg.tensor(x), y).data)) for _ in range(200)]
    assert np.allclose(*losses[-1], atol=5e-3)
    assert losses[-1][1] < losses[0][1]


@needs_jax
@pytest.mark.parametrize("own", [False, True])
def test_random_masks_and_running_averages_are_those_of_eager(own):
    def pair():
        generator = np.random.default_rng(3)
        drawn = np.random.default_rng(5) if own else None
        model = nn.Sequential(
            nn.Linear(2, 8, generator=generator), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.4, generator=drawn),
            nn.Linear(8, 3, generator=generator),
        )  # fmt: skip
        optimizer, loss_fn = optim.SGD(model.parameters(), lr=0.1, momentum=0.9), nn.CrossEntropyLoss()

        def step(x, y):
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            mg.optim.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            return loss

        return model, step

    def run(model, step):
        mg.manual_seed(7)
        losses = []
        for i in range(20):
            x, y = data(seed=i)
            if i % 7 == 6:
                with pytest.raises(mg.errors.TargetError):  # nothing is drawn twice, and nothing is left out
                    step(mg.tensor(x), y + 1)
            losses.append(step(mg.tensor(x), y))
        return losses, model.state_dict()

    model, eager = pair()
    losses, state = run(model, eager)
    model_2, step = pair()
    step = mg.compile(step, backend="jax")
    losses_2, state_2 = run(model_2, step)
    for one, other in [*zip(losses, losses_2, strict=True), *zip(state.values(), state_2.values(), strict=True)]:
        assert_close(one, other)
    assert (step.stats()["replayed"], step.stats()["eager"], step.stats()["callbacks"]) == (18, 2, [])


@needs_jax
def test_a_network_too_large_to_gather_is_updated_in_blocks():
    sizes = (40, 300, 260, 10)
    (_, optimizer, eager), (_, optimizer_2, step) = trainer(sizes=sizes), trainer(sizes=sizes)
    step = mg.compile(step, backend="jax")
    for i in range(5):
        x, y = data(20, 40, 10, seed=i)
        assert_close(eager(mg.tensor(x), y), step(mg.tensor(x), y))
        for array, array_2 in zip(arrays_of(optimizer), arrays_of(optimizer_2), strict=True):
            assert_close(array, array_2)
    assert step.stats()["replayed"] == 3


@needs_jax
def test_eager_steps_other_programs_and_saved_state_see_what_a_run_wrote():
    (model, optimizer, eager), (model_2, optimizer_2, plain) = trainer(OPTIMIZERS["momentum"]), trainer(
        OPTIMIZERS["momentum"]
    )  # fmt: skip
    steps = [mg.compile(plain, backend="jax"), plain, mg.compile(plain)]
    x, y = data()
    for i in range(18):
        assert_close(eager(mg.tensor(x), y), steps[i % 3](mg.tensor(x), y))
    for p, q in zip(model.parameters(), model_2.parameters(), strict=True):
        assert_close(p, q)
    ours, theirs = optimizer.state_dict(), optimizer_2.state_dict()
    assert ours["iterations"] == theirs["iterations"]
    for name, arrays in ours["state"].items():
        for key, array in arrays.items():
            assert_close(array, theirs["state"][name][key])


@needs_jax
def test_gradients_that_are_no_new_arrays():
    import jax

    w, v = mg.tensor([1.0, 2.0], requires_grad=True), mg.tensor([3.0], requires_grad=True)

    def step(x):
        (w * w).sum().backward()
        (v * v).sum().backward()
        w.grad = x
        v.grad = None
        return x * 2

    step = mg.compile(step, backend="jax", devices=jax.devices()[:1])
    for i in range(5):  # in the first there is no gradient from before, so three are recorded
        x = np.full(2, i, np.float32)
        assert_close(x * 2, step(x))
        assert_close(w.grad, x)
        assert v.grad is None
    assert step.stats()["replayed"] == 2


class Own(optim.Optimizer):
    """An optimizer with arithmetic on its rates, which are whole numbers now and then."""

    def __init__(self, params):
        super().__init__(params, lr=0.5, decay=0.0)

    def state_names(self, group):
        return ("mean",)

    def rates(self, group):
        return 1 / (1 + self.iterations), self.iterations

    def update(self, group, lr, w, g, scratch, mean):
        first, count = lr
        mean *= 1 - first
        mean += g * first
        w -= mean * ((count + 1) * 0.1 - count / 10)


@needs_jax
def test_an_optimizer_of_the_users_own():
    (_, optimizer, eager), (_, optimizer_2, step) = trainer(Own), trainer(Own)
    step = mg.compile(step, backend="jax")
    x, y = data()
    for _ in range(6):
        assert_close(eager(mg.tensor(x), y), step(mg.tensor(x), y))
        for array, array_2 in zip(arrays_of(optimizer), arrays_of(optimizer_2), strict=True):
            assert_close(array, array_2)
    assert step.stats()["replayed"] == 4


@needs_jax
def test_gradients_accumulate_and_are_forgotten():
    def pair():
        w = mg.tensor(np.arange(3, dtype=np.float32), requires_grad=True)

        def step(x, keep):
            if not keep:
                w.grad = None
            (w * w * x).sum().backward()
            return w.grad

        return w, step

    (w, eager), (w_2, step) = pair(), pair()
    step = mg.compile(step, backend="jax")
    for i in range(12):
        x = mg.tensor(np.full(3, 1 + i, np.float32))
        assert_close(eager(x, i % 5 != 0), step(x, i % 5 != 0))
        assert_close(w.grad, w_2.grad)
    assert step.stats()["replayed"]


@needs_jax
def test_a_model_for_inference():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    compiled_and_eager(lambda x: model(x), *[(mg.tensor(np.full((2, 3), i, np.float32)),) for i in range(4)])


@needs_jax
def test_checked_runs_agree():
    _, _, step = trainer()
    step = mg.compile(step, backend="jax", check=True)
    x, y = data()
    for _ in range(20):
        step(mg.tensor(x), y)
    assert step.stats()["replayed"] == 18


# -- programs -------------------------------------------------------------------------------------


@needs_jax
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [*UNARY, *VALUES_ONLY, *BINARY])
def test_functions_and_their_gradients(name, dtype):
    f = {**UNARY, **VALUES_ONLY, **BINARY}[name]
    generator = np.random.default_rng(0)
    start = generator.standard_normal((4, 4)).astype(dtype)

    def pair():
        w = mg.tensor(start, requires_grad=True)

        def step(x):
            w.zero_grad()
            z = f(w, x) if name in BINARY else f(w) * x
            loss = (z * z).sum()
            if name not in VALUES_ONLY:
                loss.backward()
            return z

        return w, step

    (w, eager), (w_2, step) = pair(), pair()
    compiled = mg.compile(step, backend="jax")
    for _ in range(4):
        x = mg.tensor(generator.standard_normal((4, 4)).astype(dtype))
        assert_close(eager(x), compiled(x))
        if w.grad is not None:
            assert_close(w.grad, w_2.grad)
    assert compiled.stats()["replayed"] == 2
    assert compiled.stats()["callbacks"] == []


@needs_jax
@settings(max_examples=12)
@given(programs(), st.sampled_from(["float32", "float64"]))
def test_programs_and_their_gradients(program, dtype):
    def pair():
        leaves = [mg.tensor(x.astype(dtype), requires_grad=True) for x in program.inputs]

        def step():
            for leaf in leaves:
                leaf.zero_grad()
            z = program(*leaves)
            if z.requires_grad:
                (z * z).sum().backward()
            return z

        return leaves, step

    (leaves, eager), (leaves_2, step) = pair(), pair()
    compiled = mg.compile(step, backend="jax")
    for _ in range(3):
        assert_close(eager(), compiled())
        for leaf, leaf_2 in zip(leaves, leaves_2, strict=True):
            assert (leaf.grad is None) == (leaf_2.grad is None)
            if leaf.grad is not None:
                assert_close(leaf.grad, leaf_2.grad)


# -- dtypes ---------------------------------------------------------------------------------------


@needs_jax
def test_the_process_keeps_its_setting_for_float64():
    import jax

    before = jax.config.jax_enable_x64
    compiled_and_eager(lambda x: x * 2, *[(mg.tensor([1e-300], dtype="float64"),)] * 3)
    assert jax.config.jax_enable_x64 == before


@needs_jax
def test_results_are_arrays_of_their_own():
    compiled = mg.compile(lambda x: [mg.exp(x), mg.exp(x).sum(), x], backend="jax")
    x = mg.tensor([1.0, 2.0])
    for _ in range(3):
        first, second = compiled(x), compiled(x)
    first[0].data[...] = 0
    assert type(first[0].data) is np.ndarray
    assert second[0].data.all()
    assert first[2]._array is x._array  # an argument that is returned is the argument


# -- writes and views -----------------------------------------------------------------------------


def _rows(b, x):
    b.data[1:3] = x.data[:2]
    b.data[:, 1] += 1


def _transposed(b, x):
    view = b.data.T
    view[0] = x.data[0, 0]
    view *= 2


def _reshaped(b, x):
    flat = b.data.reshape(-1)
    flat[2:5] = x.data[0, :3]
    flat[::2] -= 1


def _negative(b, x):
    b.data[::-1, ::2] = x.data[:, ::2]


def _swapped(b, x):
    np.swapaxes(b.data, 0, 1)[1] = 7
    np.copyto(b.data, x.data, where=x.data > 0)


def _into(b, x):
    np.multiply(b.data, x.data, out=b.data)
    np.add.at(b.data, np.array([0, 0, 2]), 1)
    np.subtract.at(b.data, np.array([1, 1]), 1)
    np.maximum.at(b.data, np.array([1]), x.data[:1])


def _functions(b, x):
    np.fill_diagonal(b.data, 3)
    np.put(b.data, [0, 5], [x.data[0, 0], 1])
    np.putmask(b.data, x.data > 1, x.data)
    np.put_along_axis(b.data, np.argmax(x.data, 1)[:, None], 9, 1)
    np.place(b.data, x.data < -1, [5, 6])


def _where(b, x):
    np.sqrt(x.data, out=b.data, where=x.data > 0)
    np.sum(x.data, axis=0, out=b.data[0])
    np.sum(x.data, axis=0, out=b.data[1], where=x.data > 0)


def _methods(b, x):
    b.data[2].fill(4)
    row = b.data[1]
    row += x.data[1]
    row.sort()


def _empty(b, x):
    b.data[1:1] += 5
    flat = b.data.reshape(-1)
    flat[0:0] = x.data[0, :1]
    flat[1:2] = flat[4:4].sum()
    whole = b.data[:]
    whole -= flat[3:3].sum() + x.data[0, 0]


def _power(b, x):
    np.abs(x.data, out=b.data)
    c = b.data
    c **= 2
    c /= 3


WRITES = [_rows, _transposed, _reshaped, _negative, _swapped, _into, _functions, _where, _methods, _power, _empty]


@needs_jax
@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("order", ["C", "F"])
def test_writes_are_seen_in_all_views_and_outside(write, order):
    def pair():
        b = mg.tensor(np.arange(12, dtype=np.float32).reshape(3, 4))
        b.data = np.asarray(b.data, order=order)

        def step(x):
            corner = b.data[1:, 1:]
            before = corner * 1
            write(b, x)
            inner = np.multiply(x.data, 1)
            part = inner.T[1:3]
            part += 1
            whole = inner[:]
            whole *= 3
            return [before, corner * 1, b.data.sum(), inner * 2]

        return b, step

    (b, eager), (b_2, step) = pair(), pair()
    compiled = mg.compile(step, backend="jax")
    for i in range(5):
        x = mg.tensor(np.random.default_rng(i).standard_normal((3, 4)).astype(np.float32))
        with np.errstate(invalid="ignore"):
            for one, other in zip(eager(x), compiled(x), strict=True):
                assert_close(one, other)
        assert_close(b, b_2)
    assert compiled.stats()["replayed"] == 3
    assert compiled.stats()["callbacks"] == []


@needs_jax
def test_an_argument_that_is_written():
    def step(x, y):
        x += y
        return x * 1

    compiled = mg.compile(step, backend="jax")
    x, x_2, y = np.zeros(3, np.float32), np.zeros(3, np.float32), np.ones(3, np.float32)
    for _ in range(4):
        assert_close(step(x, y), compiled(x_2, y))
        assert_close(x, x_2)
    assert compiled.stats()["replayed"] == 2
    compiled(y, y)  # what shares memory runs as it is written
    assert compiled.stats()["eager"] == 1
    assert y.tolist() == [2, 2, 2]


@needs_jax
def test_an_argument_that_is_a_view_of_the_weights():
    model, _, step = trainer(OPTIMIZERS["SGD"], sizes=(3, 3))
    compiled = mg.compile(step, backend="jax")
    x, y = np.ones((3, 3), np.float32), np.arange(3)
    for _ in range(3):
        compiled(x, y)
    compiled(model.parameters()[0].data, y)
    assert compiled.stats()["eager"] == 1


# -- conditions -----------------------------------------------------------------------------------


@needs_jax
def test_nothing_is_written_where_a_condition_does_not_hold():
    model, optimizer, plain = trainer()
    step = mg.compile(plain, backend="jax")
    x, y = data()
    for _ in range(3):
        step(x, y)
    before = [array.copy() for array in arrays_of(optimizer)]
    rate = optimizer.current_lr
    optimizer.lr = 0.5
    with pytest.raises(mg.errors.TargetError, match="label"):
        step(x, y + 1)
    assert all(map(same_bits, before, arrays_of(optimizer)))
    assert (optimizer.iterations, optimizer.current_lr) == (3, rate)
    assert model.parameters()[0].grad is not None


@needs_jax
@pytest.mark.parametrize(
    "look",
    [lambda x, i: x[i], lambda x, i: x[:, i], lambda x, i: x[..., i, None], lambda x, i: x[i, 0],
     lambda x, i: np.take(x, i, 1), lambda x, i: np.take(x, i + 6), lambda x, i: np.take_along_axis(x, i[:, None], 0),
     lambda x, i: x[np.array([True, False, True, True]), i]],
)  # fmt: skip
def test_an_index_out_of_range_is_an_error_as_in_numpy(look):
    x = np.arange(16, dtype=np.float32).reshape(4, 4)
    compiled = mg.compile(look, backend="jax")
    for i in ([0, 1, -1], [2, 2, 0], [3, -4, 1], [0, 0, 0]):
        assert_close(look(x, np.array(i)), compiled(x, np.array(i)))
    assert compiled.stats()["replayed"] == 2
    for wrong in (16, -17 - 6):
        with pytest.raises(IndexError):
            compiled(x, np.array([0, wrong, 1]))
    assert compiled.stats()["replayed"] == 2


@needs_jax
def test_an_index_of_bools_from_outside_must_be_as_it_was():
    mask = np.array([True, False, True])

    def step(x):
        y = x * 1
        y[mask] += 1
        return [x[mask], x[mask, None], x[np.True_], y]

    compiled = mg.compile(step, backend="jax")
    x = np.arange(3, dtype=np.float32)
    for i in range(4):
        for one, other in zip(step(x + i), compiled(x + i), strict=True):
            assert_close(one, other)
    mask[1] = True
    for one, other in zip(step(x), compiled(x), strict=True):
        assert_close(one, other)
    assert (compiled.stats()["replayed"], compiled.stats()["recorded"]) == (2, 3)  # it is recorded again


@needs_jax
def test_a_mask_that_the_step_computes():
    def f(x):
        z = np.zeros_like(x)
        z[x > 1] = 2
        z[x[:, 0] > 3] = x[0] * 2
        np.put(z, np.argsort(x, axis=None)[:2], -1)
        return z

    x = np.arange(6.0).reshape(3, 2)
    assert compiled_and_eager(f, [x], [x - 1], [x + 3]).stats()["replayed"] == 1


@needs_jax
@pytest.mark.parametrize("dtype", [">f4", ">i2", "longdouble", "clongdouble", "bfloat16"])
def test_a_dtype_that_jax_lacks_is_refused_by_name(dtype):
    dtype = np.dtype(getattr(importlib.import_module("ml_dtypes"), dtype, dtype))  # which JAX brings along
    table, step = np.ones(3, dtype), mg.compile(lambda x: x * table, backend="jax")
    step(np.ones(3, dtype))
    with pytest.raises(CompileError, match=rf"no numbers of dtype {dtype}:"):
        step(np.ones(3, dtype))


@needs_jax
def test_indices_of_which_numpy_makes_the_best():
    x = np.arange(4, dtype=np.float32)
    i = np.array([5, -7])
    compiled_and_eager(lambda x, i: np.take(x, i, mode="wrap"), *[(x, i)] * 3)
    compiled_and_eager(lambda x, i: np.take(x, i, mode="clip"), *[(x, i)] * 3)


@needs_jax
def test_a_singular_matrix_is_an_error_as_in_numpy():
    compiled = mg.compile(np.linalg.inv, backend="jax")
    for _ in range(3):
        compiled(np.eye(2))
    with pytest.raises(np.linalg.LinAlgError):
        compiled(np.zeros((2, 2)))


@needs_jax
def test_a_choice_of_a_formula():
    w = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)

    def gradient(x):
        w.zero_grad()
        mg.relu(w * x).sum().backward()
        return w.grad

    compiled = mg.compile(gradient, backend="jax")
    for x in ([1, -2, 3], [1, 2, 3], [-1, 2, 3], [1, -2, np.inf], [1, 2, 3]):
        assert_close(gradient(np.float32(x)), compiled(np.float32(x)))


# -- functions ------------------------------------------------------------------------------------


@needs_jax
def test_what_jax_lacks_is_called_back():
    x = np.abs(np.random.default_rng(0).standard_normal((3, 4)))

    def step(x, y):
        return [np.logaddexp.accumulate(x, 1), np.add(y, 1), np.add.reduceat(x * y, [0, 2])]

    compiled = mg.compile(step, backend="jax")
    for i in range(4):
        for one, other in zip(step(x * i, x), compiled(x * i, x), strict=True):
            assert_close(one, other)
    assert compiled.stats()["callbacks"] == ["np.logaddexp.accumulate", "np.add.reduceat"]


@needs_jax
@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128", "complex64", "int64", "bool"])
@pytest.mark.parametrize("shape", [(), (3,), (0, 2), (2, 3)])
def test_numbers_of_64_bits_come_to_the_host_as_bits(dtype, shape, monkeypatch):
    # XLA may call back in a thread in which JAX takes them for 32-bit ones: 1 + 1e-12 would be 1.
    jax = pytest.importorskip("jax")
    jax_functions = importlib.import_module("minigrad.compiler.backends.jax_functions")
    seen, call_back = [], jax.pure_callback

    def noted(function, shapes, *arrays):
        seen.extend([*shapes, *arrays])
        return call_back(function, shapes, *arrays)

    monkeypatch.setattr(jax, "pure_callback", noted)
    x = (np.arange(np.prod(shape, dtype=int)).reshape(shape) + 1 + 1e-12).astype(dtype)
    value = Value(0, RESULT, np.asarray(x))

    def call(x):
        return jax_functions.called_back(lambda x: np.asarray(x).copy(), (x,), {}, [value])

    with jax.enable_x64(True):
        (made,) = jax.jit(call)(x)
        assert np.asarray(made).dtype == dtype
        assert np.asarray(made).tobytes() == x.tobytes()
    assert not [x.dtype for x in seen if x.dtype.name in ("float64", "complex128", "int64")]


# -- refusals -------------------------------------------------------------------------------------


def refusal(step, *args):
    compiled = mg.compile(step, backend="jax")
    compiled(*args)
    with pytest.raises(CompileError) as caught:
        compiled(*args)
    assert not getattr(caught.value, "__notes__", None)  # of JAX, about its frames
    return str(caught.value)


@needs_jax
def test_an_optimizer_steps_once():
    w = mg.tensor([1.0, 2.0], requires_grad=True)
    optimizer = mg.optim.SGD([w], lr=0.1)

    def step():
        for _ in range(2):
            optimizer.zero_grad()
            (w * w).sum().backward()
            optimizer.step()

    message = refusal(step)
    assert "two steps in one program" in message
    assert "optimizer.step()" in message


@needs_jax
def test_writes_without_a_functional_form():
    x, z = np.arange(6, dtype=np.float32).reshape(2, 3), np.ones(3, np.complex128)

    def several(x):
        y = x * 0
        np.divmod(x, 2, out=(y, y[:]))
        return y

    def real(z):
        y = z * 1
        y.real[...] = 3
        return y

    def logical(x):
        y = x * 1
        np.hypot.at(y, np.array([0]), 2)
        return y

    assert "several arrays at once" in refusal(several, x)
    assert "another dtype" in refusal(real, z)
    assert "np.hypot.at" in refusal(logical, x)


@needs_jax
def test_overlapping_memory_of_two_dtypes():
    memory = np.arange(4, dtype=np.float32)
    a, b = mg.tensor([0.0]), mg.tensor([0])
    a.data, b.data = memory, memory.view(np.int32)

    def step():
        a.data[...] = a.data * 2
        return b.data * 1

    assert "share memory" in refusal(step)


def test_without_jax(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "jax" else find(name, *rest))
    with pytest.raises(CompileError, match=r"pip install jax"):
        mg.compile(lambda x: x, backend="jax")


def test_the_package_does_not_import_jax():
    code = "import sys, minigrad; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# -- the bound ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "complex128"])
def test_same_to_rounding(dtype):
    bound = ROUNDING[np.dtype(dtype).type(0).real.itemsize]
    x = np.array([100, -3, np.inf, np.nan, 0], dtype)
    for factor, same in ((0.4, True), (4, False)):
        y = x.copy()
        y[1] += np.array(factor * bound * 100, dtype)
        assert same_to_rounding(x, y) is same
    assert same_to_rounding(x[:0], x[:0])
    assert not same_to_rounding(x, np.where(np.isnan(x), 0, x).astype(dtype))
    assert not same_to_rounding(np.array([1], dtype), np.array([np.nan], dtype))
    assert not same_to_rounding(x, x[:3])
    assert not same_to_rounding(np.arange(3), np.arange(3) + 1)
