"""The files of exported programs: weights that others wrote, the command line, what cannot be exported."""

import json
import struct

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.compiler.output import standalone
from minigrad.compiler.output.listing import RESERVED
from minigrad.compiler.tracing.trace_comparison import same_bits
from minigrad.errors import CompileError
from minigrad.files import atomic, tensors
from tests.compiler.output.exported import exported, module, run_alone, run_thrice
from tests.compiler.test_compiled import Classifier, data, trainer


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
    for module_of_names in (standalone, atomic, tensors):
        assert {name for name in vars(module_of_names) if not name.startswith("__")} <= RESERVED
    assert standalone._with(Classifier, held=3).held == 3
