"""Exported programs: files that need NumPy alone, go on where training stopped, and read weights that others wrote."""

import copy
import functools
import importlib.util
import inspect
import json
import math
import struct
import subprocess
import sys
import types
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from numpy.lib.stride_tricks import sliding_window_view

import minigrad as mg
from minigrad import nn, optim
from minigrad.arrays import numpy_function
from minigrad.compiler import definitions, standalone
from minigrad.compiler.agreement import same_bits
from minigrad.compiler.program import Call, Host
from minigrad.compiler.source import RESERVED, Listing
from minigrad.errors import CompileError
from minigrad.structures import leaves
from minigrad.table import ops
from minigrad.testing.samples import samples
from tests.test_compile import OPTIMIZERS, Classifier, data, trainer
from tests.test_compile_table import REFUSED, TABLE, _data, value_and_gradients

#: Runs a file where nothing but Python and NumPy can be imported.
_ALONE = """
import runpy, sys
class Only:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in {"numpy", *sys.stdlib_module_names}:
            raise ImportError(name)
sys.meta_path.insert(0, Only())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run_alone(path, *words):
    """Run an exported file in a process of its own; what it prints."""
    command = [sys.executable, "-I", "-W", "error", "-c", _ALONE, str(path), *map(str, words)]
    made = subprocess.run(command, capture_output=True, text=True, check=False, cwd=path.parent)
    assert not made.returncode, made.stderr
    return made.stdout


def module(path):
    """An exported file as a module of this process."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    for name, function in vars(standalone).items():  # the very code of the package, so that its coverage is measured
        own = vars(made).get(name)
        if inspect.isfunction(function) and name != "run" and own is not None:
            assert own.__code__.co_code == function.__code__.co_code
            setattr(made, name, types.FunctionType(function.__code__, vars(made), name, own.__defaults__))
    return made


def exported(compiled, path):
    compiled.export(path)
    return module(path)


def run_thrice(f, *arguments):
    made = mg.compile(f)
    for _ in range(3):
        made(*arguments)
    return made


def test_a_trained_spiral_net_runs_where_there_is_numpy_alone(tmp_path):
    def spiral(samples, classes=3):
        t = np.linspace(0, 1, samples)
        angles = 4 * (t + np.arange(classes)[:, None])
        angles += np.random.default_rng(0).normal(0, 0.2, angles.shape)
        return np.stack([t * np.sin(angles), t * np.cos(angles)], -1).reshape(-1, 2).astype(np.float32)

    model, _, step = trainer(OPTIMIZERS["Adam"], (2, 64, 3))
    x, y = spiral(100), np.repeat(np.arange(3), 100)
    compiled = mg.compile(step)
    for _ in range(300):
        loss = compiled(x, y)
    assert float(loss) < 0.5
    model.eval()
    predict = mg.compile(lambda x: model(x))
    with mg.no_grad():
        for _ in range(3):
            expected = predict(x)
    predict.export(tmp_path / "spiral.py")
    np.save(tmp_path / "x.npy", x)
    assert "[[" in run_alone(tmp_path / "spiral.py", "x.npy", "--out", "made.npy")
    assert same_bits(np.load(tmp_path / "made.npy"), expected.data)
    text = (tmp_path / "spiral.py").read_text()
    assert "minigrad" not in text.replace("exported from minigrad", "")
    assert "layers_0_weight" in text


def _halving(t):
    return 0.1 * 0.5 ** (t // _EVERY)


_EVERY = 10
SCHEDULES = optim.schedules
MORE = {
    "AdamW": lambda p: optim.AdamW(p, lr=0.01),
    "NAdam": lambda p: optim.NAdam(p, lr=0.01),
    "Adadelta": lambda p: optim.Adadelta(p, lr=1.0),
    "Lion": lambda p: optim.Lion(p, lr=0.001),
    "Adamax": lambda p: optim.Adamax(p, lr=0.01),
    "RAdam": lambda p: optim.RAdam(p, lr=0.01),
    "a schedule": lambda p: optim.SGD(
        p, lr=SCHEDULES.linear_warmup(SCHEDULES.cosine(0.1, steps=100), steps=64), momentum=0.9
    ),
    "a schedule of one's own": lambda p: optim.Adam(p, lr=_halving),
    "finite gradients only": lambda p: optim.Adam(p, lr=0.01, skip_nonfinite=True),
}


@pytest.mark.parametrize("name", [*OPTIMIZERS, *MORE])
@pytest.mark.parametrize("sizes", [(2, 16, 3), (40, 300, 260, 3)], ids=["gathered", "in blocks"])
def test_training_goes_on_in_the_file_with_the_same_bits(name, sizes, tmp_path):
    both = trainer({**OPTIMIZERS, **MORE}[name], sizes)
    x, y = data(20, sizes[0])
    step = mg.compile(both[2])
    for _ in range(60):
        step(x, y)
    made = exported(step, tmp_path / "step.py")
    state = made.load()
    for _ in range(8):  # past the 64th step, where tiny momenta become zero
        loss, gradients = made.train(x, y, state)
        assert same_bits(np.asarray(loss), both[2](x, y).data)
    for key, p in both[0].named_parameters():
        assert same_bits(state[key], p.data)
        assert same_bits(gradients[key], p.grad)
    kept = both[1].state_dict()
    made.save(tmp_path / "later.npz", state)
    with np.load(tmp_path / "later.npz") as later:
        assert int(later["optimizer.iterations"]) == kept["iterations"] == 68
        for parameter, arrays in kept["state"].items():
            for key, array in arrays.items():
                assert same_bits(later[f"optimizer.state.{parameter}.{key}"], array)
    again = made.load(tmp_path / "later.npz")
    assert same_bits(np.asarray(made.train(x, y, again)[0]), both[2](x, y).data)


def test_momenta_too_small_for_a_normal_float_become_zero(tmp_path):
    w = nn.Parameter(np.float32([1e-38, 1]))
    optimizer = optim.SGD([("w", w)], lr=1.0, momentum=0.5)

    def step(x):
        optimizer.zero_grad()
        (w * x).sum().backward()
        optimizer.step()

    compiled = mg.compile(step)
    for _ in range(3):
        compiled(np.float32([1e-38, 1]))
    made = exported(compiled, tmp_path / "step.py")
    state = made.load()
    assert 0 < abs(state["momentum"][0]) < 1e-37
    for _ in range(61):
        made.train(np.float32([0, 1]), state)
        compiled(np.float32([0, 1]))
    assert state["momentum"][0] == 0
    assert same_bits(state["w"], w.data)


def test_the_weights_of_a_model_and_its_state_dict(tmp_path):
    eager, compiled = trainer(), trainer()
    x, y = data()
    step = run_thrice(compiled[2], x, y)
    made = exported(step, tmp_path / "step.py")
    np.savez(tmp_path / "fresh.npz", unknown=np.zeros(3), **eager[0].state_dict())
    state = made.load(tmp_path / "fresh.npz")
    for _ in range(5):
        loss, _ = made.train(x, y, state)
        assert same_bits(np.asarray(loss), eager[2](x, y).data)
    wrong = {"layers.0.weight": np.zeros((2, 16), np.float32)}
    for change, message in [
        (wrong, r"layers.0.weight: expected shape \(16, 2\), dtype float32; got shape \(2, 16\)"),
        ({"layers.0.bias": np.zeros(16, complex)}, "got shape .* dtype complex128"),
        ({"layers.0.bias": None}, "these are missing: layers.0.bias$"),
        ({"optimizer.iterations": np.asarray(3)}, "these are missing: optimizer.state"),
    ]:
        arrays = {name: array for name, array in {**eager[0].state_dict(), **change}.items() if array is not None}
        np.savez(tmp_path / "wrong.npz", **arrays)
        with pytest.raises(ValueError, match=message):
            made.load(tmp_path / "wrong.npz")
    with pytest.raises(ValueError, match=r"expected a file .npz or .safetensors"):
        made.load(tmp_path / "weights.pt")
    np.savez(tmp_path / "pickled.npz", **{**eager[0].state_dict(), "layers.0.bias": np.array([{}])})
    with pytest.raises(ValueError, match="allow_pickle"):
        made.load(tmp_path / "pickled.npz")


def _safetensors(arrays, change=lambda header: None, tail=b""):
    header, body = {"__metadata__": {"made": "by a test"}}, b""
    for name, array in arrays.items():
        kind = {"f": "F", "i": "I", "b": "BOOL"}[array.dtype.kind]
        kind += str(array.dtype.itemsize * 8) * (kind != "BOOL")
        offsets = [len(body), len(body) + array.nbytes]
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": offsets}
        body += array.tobytes()
    header = change(header) or header
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body + tail


def _edit(**values):
    def change(header):
        header["layers.0.bias"].update(values)

    return change


DAMAGE = {
    "no header": lambda arrays: b"abc",
    "too long a header": lambda arrays: struct.pack("<Q", 1 << 60) + b"{}",
    "no JSON": lambda arrays: _safetensors(arrays, lambda h: b"{,}"),
    "deep JSON": lambda arrays: _safetensors(arrays, lambda h: b"[" * 100_000),
    "a list": lambda arrays: _safetensors(arrays, lambda h: b"[1, 2]"),
    "no text": lambda arrays: _safetensors(arrays, lambda h: b"\xff\xfe"),
    "unknown dtype": lambda arrays: _safetensors(arrays, _edit(dtype="BF16")),
    "other shape": lambda arrays: _safetensors(arrays, _edit(shape=[17])),
    "negative shape": lambda arrays: _safetensors(arrays, _edit(shape=[-4, -4])),
    "no whole number": lambda arrays: _safetensors(arrays, _edit(shape=[16.0])),
    "offsets outside": lambda arrays: _safetensors(arrays, _edit(data_offsets=[1 << 40, (1 << 40) + 64])),
    "overlap": lambda arrays: _safetensors(arrays, _edit(data_offsets=[0, 64])),
    "no offsets": lambda arrays: _safetensors(arrays, _edit(data_offsets=None)),
    "cut off": lambda arrays: _safetensors(arrays)[:-1],
    "more bytes": lambda arrays: _safetensors(arrays, tail=b"\0"),
    "one name twice": lambda arrays: _safetensors(
        arrays,
        lambda h: (
            json.dumps({**h, "twice": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}})
            .replace("twice", "layers.0.bias")
            .encode()
        ),
    ),
}


def test_safetensors_are_read_and_checked(tmp_path):
    model = Classifier()
    x, _ = data()
    made = exported(run_thrice(lambda x: model(x), x), tmp_path / "predict.py")
    other = {name: array + np.float32(1) for name, array in model.state_dict().items()}
    (tmp_path / "w.safetensors").write_bytes(_safetensors({**other, "empty": np.zeros((0, 2), np.float64)}))
    state = made.load(tmp_path / "w.safetensors")
    model.load_state_dict(other)
    assert same_bits(made.predict(x, state), model(x).data)
    for name, damage in DAMAGE.items():
        (tmp_path / "bad.safetensors").write_bytes(damage(other))
        with pytest.raises(ValueError, match="safetensors file"):
            made.load(tmp_path / "bad.safetensors")
        assert name


def test_safetensors_of_the_library(tmp_path):
    library = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed")
    model = Classifier()
    x, _ = data()
    made = exported(run_thrice(lambda x: model(x), x), tmp_path / "predict.py")
    library.save_file(model.state_dict(), tmp_path / "w.safetensors")
    assert same_bits(made.predict(x, made.load(tmp_path / "w.safetensors")), model(x).data)


class Text(nn.Module):
    """Embedding, layer norm, attention: what a program of a language model is made of."""

    def __init__(self):
        generator = np.random.default_rng(3)
        self.table = nn.Parameter(generator.standard_normal((11, 8)).astype(np.float32))
        self.scale, self.shift = nn.Parameter(np.ones(8, np.float32)), nn.Parameter(np.zeros(8, np.float32))
        self.head = nn.Linear(8, 11, generator=generator)

    def forward(self, tokens):
        x = mg.ops.embedding.embedding(tokens, self.table)
        x = mg.ops.normalisation.layer_norm(x, (8,), self.scale, self.shift)
        x = x + mg.ops.attention.scaled_dot_product_attention(x, x, x, is_causal=True)
        return self.head(x)


def test_embeddings_norms_and_attention(tmp_path):
    model = Text()
    tokens = np.random.default_rng(0).integers(0, 11, (4, 6))
    with mg.no_grad():
        predict = run_thrice(lambda tokens: model(tokens), tokens)
        made = exported(predict, tmp_path / "text.py")
        assert same_bits(made.predict(tokens, made.load()), model(tokens).data)
        np.savez(tmp_path / "weights.npz", **model.state_dict())  # the mask is none of the model's
        assert made.CONSTANTS
        assert same_bits(made.predict(tokens, made.load(tmp_path / "weights.npz")), model(tokens).data)
    namespace = {}
    exec(predict.source(), namespace)
    assert same_bits(namespace["step"](tokens, predict.state(), ())[0], model(tokens).data)


def test_results_in_structures_and_the_command_line(tmp_path, capsys):
    scale = np.arange(12, dtype=np.float32).reshape(3, 4).T

    def f(batch, extra):
        return {"twice": batch * 2, "both": (batch @ scale, extra)}

    x, extra = np.float32([[1, 2, 3, 4]]), np.int64([1])
    made = exported(run_thrice(f, x, extra), tmp_path / "f.py")
    result = made.predict(x, extra, made.load())
    assert same_bits(result["both"][0], x @ scale)
    assert made.load()["scale"].strides == scale.strides
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "e.npy", extra)
    made.main([str(tmp_path / "x.npy"), str(tmp_path / "e.npy"), "--out", str(tmp_path / "made.npz")])
    assert "twice" in capsys.readouterr().out
    made.main([str(tmp_path / "x.npy"), str(tmp_path / "e.npy")])
    with np.load(tmp_path / "made.npz") as file:
        assert same_bits(file["arr_0"], x * 2)
        assert len(file.files) == 3
    for wrong, got in [(x[:, :3], r"got shape \(1, 3\)"), (x.astype(float), "dtype float64"), ([1], "got list")]:
        with pytest.raises(ValueError, match=f"batch: the program is for .*{got}"):
            made.predict(wrong, extra, made.load())


def test_training_from_the_command_line(tmp_path, capsys):
    eager, compiled = trainer(), trainer()
    x, y = data()
    run_thrice(compiled[2], x, y).export(tmp_path / "step.py")
    for _ in range(3):
        eager[2](x, y)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y)
    words = ["x.npy", "y.npy", "--weights", "step.npz", "--steps", "4", "--out", "new.npz"]
    printed = run_alone(tmp_path / "step.py", *words).splitlines()
    for line in printed:
        assert np.float32(line.split()[1]) == eager[2](x, y).data
    made = module(tmp_path / "step.py")
    words = [str(tmp_path / word) if word.endswith(("npy", "npz")) else word for word in words]
    made.main(words)
    assert capsys.readouterr().out.splitlines() == printed
    state = made.load(tmp_path / "new.npz")
    assert all(same_bits(state[name], p.data) for name, p in eager[0].named_parameters())


def test_gradients_without_an_optimizer(tmp_path):
    w = nn.Parameter(np.float32([1, -2]))

    def f(x):
        w.zero_grad()
        loss = (w * x).sum()
        loss.backward()
        return loss

    x = np.float32([3, 4])
    made = exported(run_thrice(f, x), tmp_path / "f.py")
    loss, gradients = made.step(x, made.load())
    assert float(loss) == -5
    assert same_bits(gradients["w"], x)


def test_gradients_that_are_added_to_and_weights_written_in_the_step(tmp_path):
    w = nn.Parameter(np.float32([1, -2]))

    def f(x):
        (w * x).sum().backward()
        w.data -= 0.5 * w.grad
        return w.data[:1] * 2

    x = np.float32([3, 4])
    compiled = mg.compile(f)
    for _ in range(4):
        compiled(x)
    made = exported(compiled, tmp_path / "f.py")
    state = made.load()
    result, gradients = made.step(x, state)
    assert same_bits(result, compiled(x))
    assert same_bits(gradients["w"], w.grad)
    assert same_bits(state["w"], w.data)


def test_arrays_that_overlap_and_are_written(tmp_path):
    whole = np.arange(6, dtype=np.float32)
    first, last = nn.Parameter(np.zeros(4, np.float32)), nn.Parameter(np.zeros(4, np.float32))
    first.data, last.data = whole[:4], whole[5:1:-1]

    def f(x):
        first.data[...] *= x
        return last.data * 2, first.data + 1

    compiled = mg.compile(f)
    x = np.float32([1, 2, 3, 4])
    for _ in range(3):
        compiled(x)
    made = exported(compiled, tmp_path / "f.py")
    state = made.load()
    assert state["last"].strides == (-4,)
    for one, other in zip(made.step(x, state)[0], compiled(x), strict=True):
        assert same_bits(one, other)


def test_parameters_that_get_no_gradient(tmp_path):
    model = Classifier((2, 3, 3))
    frozen = [p.requires_grad_(False) for p in model.layers[0].parameters()]
    optimizer = optim.Adam([{"params": frozen}, {"params": model.layers[1].parameters()}])
    assert len(frozen) == 2

    def step(x, y):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    x, y = data()
    compiled = mg.compile(step)
    for _ in range(4):
        compiled(x, y)
    made = exported(compiled, tmp_path / "f.py")
    assert same_bits(np.asarray(made.train(x, y, made.load())[0]), compiled(x, y).data)


# -- functions that are not NumPy's ---------------------------------------------------------------


_SHIFTS = {"one": 1}
_TABLE = np.array([0.5, 0.25], np.float32)


def _moved(x, by):
    # A remark that stays.
    return np.roll(x, by)  # pragma: no cover


@functools.cache
def _root(number):
    return math.sqrt(number)


class _Size(NamedTuple):
    """How far."""

    shift: int
    factor: float = 2.0


def _plain(x: np.ndarray, size: _Size) -> np.ndarray:
    moved = _moved(x, size.shift + _SHIFTS["one"])
    assert isinstance(size, _Size)
    return moved * np.float32(_root(4) * size.factor) + _TABLE.sum()


def written(*functions, taken=("np",)):
    """The texts of functions, and what they define."""
    texts = definitions.Definitions(taken)
    for function in functions:
        assert texts.name(function) == function.__name__
    texts.complete()
    lines = ["from __future__ import annotations", *texts.imports, "import numpy as np", *texts.texts]
    namespace = {"__name__": "text"}
    exec("\n".join(lines), namespace)
    return "\n".join(lines), namespace


def test_the_text_of_own_functions():
    text, namespace = written(_plain, taken={"np", "_root"})
    assert "# A remark that stays." in text
    assert "pragma" not in text
    assert "_root_2(4)" in text  # the name was taken
    assert "@functools.cache" in text
    x = np.float32([1, 2, 3])
    assert same_bits(namespace["_plain"](x, namespace["_Size"](1)), _plain(x, _Size(1)))


def _size(x):
    return x.size


def _size_of_pair(pair):
    return _size(pair[0]) + _SHIFTS["one"]


class _Elsewhere:
    _size = staticmethod(len)


def _reads_object():
    return _ELSEWHERE._size(())


_ELSEWHERE = _Elsewhere()


def test_functions_of_numpy_and_of_the_package():
    windows = sliding_window_view

    def with_closure(x):
        return windows(x, 2), np.linalg.norm(x), mg.exp

    _, namespace = written(mg.ops.windows.sizes_of, _size_of_pair)  # with errors of the package, and named tuples
    assert namespace["sizes_of"](2, 3, "stride", 1) == mg.ops.windows.sizes_of(2, 3, "stride", 1)
    assert namespace["_size_of_pair"]([np.ones(3)]) == 4
    texts = definitions.Definitions({"np"})
    texts.name(with_closure)
    with pytest.raises(CompileError, match="with_closure uses mg, a module, which cannot be written"):
        texts.complete()
    assert "from numpy.lib.stride_tricks import sliding_window_view as windows" in texts.imports


def test_ops_and_arrays_in_own_functions():
    from minigrad.arrays import as_array, zeros
    from minigrad.ops.choices import relu
    from minigrad.ops.elementwise import exp

    def f(x):
        return exp(as_array(x)) + zeros(x.shape, x) + relu(x)

    _, namespace = written(f)
    x = np.float32([1, -2])
    assert same_bits(namespace["f"](x), f(x))


def test_what_has_no_text():
    namespace = {}
    exec("def typed(x): return x", namespace)
    for function, message in [
        (namespace["typed"], "typed, of which there is no text"),
        (lambda x: x, "no name: write it as a function, with def"),
        (_reads_object, "_reads_object uses _ELSEWHERE, a _Elsewhere, which cannot be written"),
    ]:
        with pytest.raises(CompileError, match=message):
            written(function)


class _Window(NamedTuple):
    """How many, and from where on."""

    size: int
    start: int = 0


@numpy_function
def _averages(x, window):
    """The mean of each window, and the largest."""
    means = _windows(x[window.start :], window.size).mean(-1, dtype=x.dtype)
    return means, means.max()


@numpy_function
def _windows(x, size):
    return sliding_window_view(x, size)


@pytest.mark.parametrize("largest", [False, True])
def test_own_functions_stand_above_the_program(largest, tmp_path):
    averages = "the name of a variable"

    @mg.compile
    def f(x):
        means, most = _averages(x, _Window(3, 1))
        return means * (most if largest else 2) + len(averages), _averages(x, _Window(2))[0]

    x = np.arange(8, dtype=np.float32)
    for _ in range(3):
        expected = f(x)
    source = f.source()
    assert source.count("def _averages(x, window):") == 1
    assert "_averages(x, _Window(3, 1))" in source
    assert "numpy_function" not in source
    namespace = {"__name__": "text"}
    exec(source, namespace)
    made = exported(f, tmp_path / "f.py")
    f.source()  # once more: nothing is written twice
    results, _ = namespace["step"](x, f.state(), ())
    for one, other, third in zip(expected, results, made.predict(x, made.load()), strict=True):
        assert same_bits(one, other)
        assert same_bits(one, third)
    np.save(tmp_path / "x.npy", x)
    run_alone(tmp_path / "f.py", "x.npy")


def _tree(x):
    return [np.asarray(_data(leaf)) for _, leaf in leaves(x) if leaf is not None]


@pytest.mark.parametrize("name", [name for name in TABLE if name not in REFUSED])
def test_the_text_of_every_function_of_the_table(name):
    @settings(max_examples=2, suppress_health_check=list(HealthCheck))
    @given(samples(ops[name]))
    def check(sample):
        arrays = [np.array(x, copy=True, order="K") for x in sample.arrays]
        compiled = mg.compile(value_and_gradients(ops[name], sample))
        with np.errstate(all="ignore"):
            for _ in range(3):
                expected = _tree(list(compiled(*arrays)))
            namespace = {"__name__": "text"}
            exec(compiled.source(), namespace)
            made, gradients = namespace["step"](*arrays, compiled.state(), ())
        assert not gradients
        for one, other in zip(expected, _tree(list(made)), strict=True):
            assert same_bits(one, other)

    check()


class Images(nn.Module):
    """Convolution, normalisation, pooling: what a program on images is made of."""

    def __init__(self):
        self.first = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4 * 4 * 4, 3, generator=np.random.default_rng(0))

    def forward(self, x):
        x = nn.functional.max_pool2d(self.norm(self.first(x)).relu(), 2)
        return self.head(nn.functional.gelu(x.reshape(len(x), -1)))


def test_a_net_on_images(tmp_path):
    mg.manual_seed(0)
    model = Images()
    x = np.random.default_rng(0).standard_normal((5, 1, 8, 8)).astype(np.float32)
    y = np.arange(5) % 3
    model(x)  # running statistics
    model.eval()
    optimizer = optim.Adam(model.parameters())

    def step(x, y):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    compiled = run_thrice(step, x, y)
    made = exported(compiled, tmp_path / "step.py")
    state = made.load()
    for _ in range(3):
        assert same_bits(np.asarray(made.train(x, y, state)[0]), step(x, y).data)
    assert all(same_bits(state[name], p.data) for name, p in model.named_parameters())
    with mg.no_grad():
        predict = run_thrice(lambda x: model(x), x)
        expected = predict(x)
    made = exported(predict, tmp_path / "predict.py")
    np.savez(tmp_path / "weights.npz", **model.state_dict())
    assert same_bits(made.predict(x, made.load(tmp_path / "weights.npz")), expected.data)
    assert "def " in (tmp_path / "predict.py").read_text().split("def predict")[0]  # convolution's own


def test_constants_of_modules():
    def f(x):
        return x * _TABLE.sum() + _KINDS["a"][0] + len(_ALLOWED)

    text, namespace = written(f)
    assert "_ALLOWED = frozenset([1, 2])" in text
    assert same_bits(namespace["f"](np.float32([1])), f(np.float32([1])))


_KINDS = {"a": (0.5, None)}
_ALLOWED = frozenset({1, 2})


def _noise(generator: np.random.Generator, shape, scale):
    return generator.standard_normal(shape, np.float32) * np.float32(scale)


class Noisy(nn.Module):
    """Dropout from two generators, and statistics that run."""

    def __init__(self):
        generator = np.random.default_rng(0)
        self.first = nn.Linear(2, 16, generator=generator)
        self.norm = nn.BatchNorm1d(16)
        self.drop = nn.Dropout(0.5, generator=np.random.default_rng(4))
        self.again = nn.Dropout(0.2)
        self.last = nn.Linear(16, 3, generator=generator)

    def forward(self, x):
        return self.last(self.again(self.drop(self.norm(self.first(x)).relu())))


def test_dropout_and_running_statistics_go_on_in_the_file(tmp_path):
    model = Noisy()
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    def step(x, y):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    mg.manual_seed(7)
    x, y = data()
    compiled = mg.compile(step)
    for _ in range(5):
        compiled(x, y)
    made = exported(compiled, tmp_path / "step.py")
    state, generators = made.load(), copy.deepcopy(compiled.generators())
    for _ in range(4):
        loss, _ = made.train(x, y, state, *generators)
        assert same_bits(np.asarray(loss), step(x, y).data)
    for name, array in model.state_dict().items():
        assert same_bits(state[name], array)
    namespace = {"__name__": "text"}
    exec(compiled.source(), namespace)
    again = copy.deepcopy(compiled.generators())
    text_state = {name: state[name] for name in compiled.state()}
    loss, _ = namespace["step"](x, y, text_state, made.rates(state), *again)
    assert same_bits(np.asarray(loss), compiled(x, y).data)
    before = [generator.bit_generator.state for generator in compiled.generators()]
    profile = compiled.profile(x, y, repeats=2)
    assert before == [generator.bit_generator.state for generator in compiled.generators()]
    drawn = [kernel for kernel in profile.kernels if " = mask(generator" in kernel.text]
    assert [kernel.written for kernel in drawn] == [4 * 30 * 16] * 2
    assert compiled.graph().dot.count("= mask(generator") == 2
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y)
    words = [str(tmp_path / "x.npy"), str(tmp_path / "y.npy"), "--seed", "3", "--out", str(tmp_path / "later.npz")]
    made.main(words)
    assert int(made.load(tmp_path / "later.npz")["optimizer.iterations"][0]) == 6


def test_what_is_drawn_comes_from_generators_that_are_given(tmp_path):
    compiled = run_thrice(lambda x, a, b: x * a + b * a, *np.ones((3, 2, 3), np.float32))
    program = compiled._latest.program
    owner = np.random.default_rng(5)
    # Two of the arguments are drawn instead, one of them from the package's generator.
    for value, origin, scale in zip(program.of_kind("argument")[1:], (owner, None), (2, 0.5), strict=True):
        value.kind, value.name = "result", "noise"
        host = Host("draw", owner=origin, function=_noise)
        program.calls.insert(1 if origin is None else 0, Call(host, ((2, 3), scale), {}, [value], []))
    listing = Listing(program)
    assert "def step(x, state, rates, generator, generator_2):" in listing.text
    assert "noise = _noise(generator, (2, 3), 2)  # (2, 3) float32" in listing.text
    compiled._latest.listing = listing
    mg.manual_seed(3)
    assert compiled.generators() == (owner, mg.random.default_generator())
    x = np.full((2, 3), 4, np.float32)
    a, b = _noise(np.random.default_rng(5), (2, 3), 2), _noise(np.random.default_rng(3), (2, 3), 0.5)
    namespace = {"__name__": "text"}
    exec(listing.text, namespace)
    assert same_bits(namespace["step"](x, {}, (), *compiled.generators())[0], x * a + b * a)
    made = exported(compiled, tmp_path / "f.py")
    result = made.predict(x, made.load(), np.random.default_rng(5), np.random.default_rng(3))
    assert same_bits(result, x * a + b * a)
    np.save(tmp_path / "x.npy", x)
    one, other, third = (
        run_alone(tmp_path / "f.py", "x.npy", "--out", "made.npy", "--seed", seed) for seed in (1, 1, 2)
    )
    assert one == other != third


# -- optimizers of one's own ----------------------------------------------------------------------


class Warm(optim.SGD):
    """A rate that rises."""

    factors = (0.25, 0.5, 0.75)

    def __init__(self, params, lr, over):
        super().__init__(params, lr=lr, momentum=0.5)
        self.over = over

    @property
    def share(self):
        return min(1.0, (self.iterations + 1) / self.over) * self.factors[0]

    def rates(self, group):
        return super().rates(group) * self.share * math.cos(self.iterations)


def test_rates_of_ones_own_and_two_optimizers(tmp_path):
    def make():
        model = Classifier()
        first = Warm(model.layers[0].parameters(), 0.5, 20)
        second = optim.Adam(model.layers[1].parameters(), lr=0.01)
        loss_fn = nn.CrossEntropyLoss()

        def step(x, y):
            loss = loss_fn(model(x), y)
            model.zero_grad()
            loss.backward()
            first.step()
            second.step()
            return loss

        return model, step

    (model, step), (x, y) = make(), data()
    compiled = mg.compile(step)
    for _ in range(5):
        compiled(x, y)
    made = exported(compiled, tmp_path / "step.py")
    state = made.load()
    for _ in range(5):
        loss, _ = made.train(x, y, state)
        assert same_bits(np.asarray(loss), step(x, y).data)
    assert all(same_bits(state[name], p.data) for name, p in model.named_parameters())
    assert int(state["optimizer_2.iterations"][0]) == 10


def test_clipping_and_averages_go_on_in_the_file(tmp_path):
    model = Classifier()
    optimizer, ema = optim.Adam(model.parameters(), lr=0.1), optim.EMA(model, decay=0.9)

    def step(x, y):
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        norm = optim.clip_grad_norm_(model.parameters(), 0.1)
        optimizer.step()
        ema.update()
        return loss, norm

    x, y = data()
    compiled = mg.compile(step)
    for _ in range(5):
        compiled(x, y)
    made = exported(compiled, tmp_path / "step.py")
    state = made.load()
    for _ in range(4):
        results, _ = made.train(x, y, state)
        for one, other in zip(results, step(x, y), strict=True):
            assert same_bits(np.asarray(one), other.data)
    (averages,) = [array for name, array in state.items() if "averages" in name]
    assert same_bits(averages, next(iter(ema._averages.values())))


def _of(optimizer, w):
    def step(x):
        optimizer.zero_grad()
        (w * x).sum().backward()
        optimizer.step()

    return step


def test_what_cannot_be_exported(tmp_path):
    w = nn.Parameter(np.float32([1, 2]))
    x = np.float32([1, 2])

    class Finishes(optim.SGD):
        def finish(self):
            super().finish()

    class Holds(optim.SGD):
        held = object()

        def rates(self, group):
            return self._rate(group) * (1 if self.held else 2)

    twice = optim.SGD([w], lr=0.1)

    def both(x):
        _of(twice, w)(x)
        twice.step()

    for function, message in [
        (_of(Finishes([w]), w), r"Finishes has a finish\(\) of its own"),
        (_of(Holds([w]), w), "the rates of Holds use held, a object"),
        (both, "two steps in one"),
    ]:
        with pytest.raises(CompileError, match=message):
            run_thrice(function, x).export(tmp_path / "step.py")
    with pytest.raises(CompileError, match=r"expected 'name\.py'"):
        run_thrice(lambda x: w * x, x).export(tmp_path / "step")
    with pytest.raises(CompileError, match="no program yet"):
        mg.compile(lambda x: x).export(tmp_path / "step.py")
    assert not list(tmp_path.iterdir())


def test_files_are_replaced_as_a_whole(tmp_path, monkeypatch):
    x = np.float32([1, 2])
    compiled = run_thrice(lambda x: x * 2, x)
    compiled.export(tmp_path / "f.py")
    before = (tmp_path / "f.py").read_bytes()

    def fails(*_):
        raise OSError("the disk is full")

    monkeypatch.setattr(standalone.os, "replace", fails)
    with pytest.raises(OSError, match="full"):
        compiled.export(tmp_path / "f.py")
    assert (tmp_path / "f.py").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f.npz", "f.py"]


def test_the_tables_of_this_package_are_empty():
    with pytest.raises(NotImplementedError):
        standalone.run()
    assert not standalone.ARGUMENTS
    assert {name for name in vars(standalone) if not name.startswith("__")} <= RESERVED
    assert standalone._with(_Elsewhere, held=3).held == 3
