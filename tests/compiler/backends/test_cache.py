"""The cache of kernels on disk: found again, damaged, full, gone."""

import ast
import gc
import os
import pickle
import shutil
import sys
import threading
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg

pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")

from minigrad.compiler.backends import cache, private
from minigrad.compiler.backends.kernel_kinds import OutsideError
from minigrad.compiler.backends.machine_code import argument_of
from tests.compiler.backends.test_native import start

pytestmark = pytest.mark.native


@pytest.mark.slow
def test_a_second_process_finds_the_kernels(tmp_path):
    folder = tmp_path / "deep" / "kernels"
    assert start(folder) == ["0", "1"]
    assert start(folder) == ["1", "0"]
    assert len(list(folder.iterdir())) == 2  # the kernel, and what runs segments


def _flipped(data, rng):
    at = int(rng.integers(len(data)))
    return data[:at] + bytes([data[at] ^ 1 << int(rng.integers(8))]) + data[at + 1 :]


DAMAGES = {
    "a bit flipped": _flipped, "empty": lambda data, rng: b"", "cut off": lambda data, rng: data[:-1],
    "longer": lambda data, rng: data + b"\0", "nonsense": lambda data, rng: rng.bytes(1000),
    "no code": lambda data, rng: data[:30], "a pickle": lambda data, rng: pickle.dumps(_Evil()),
}  # fmt: skip


class _Evil:
    def __reduce__(self):
        return os._exit, (3,)


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_file_is_compiled_anew(tmp_path, kind):
    """The process that reads it is this one: it lives on, and the file is whole again."""
    place, rng = tmp_path / "kernels", np.random.default_rng(0)
    text = (
        "def kernel(first, last, rows, step, a0):\n"
        "    for i in range(np.uint64(first), np.uint64(last)):\n"
        "        a0[i] = a0[i] + 2.0\n"
    )
    array = np.zeros(4)

    def run():
        cache._KERNELS.clear()
        compiler = cache.Compiler()
        kernel = compiler.kernel(text)
        compiler.finish([(kernel, [array])])
        kernel(0, 4, 4, 4, array)
        return compiler.found

    os.environ["MINIGRAD_CACHE"], before = str(place), os.environ["MINIGRAD_CACHE"]
    try:
        assert [run(), run()] == [0, 1]
        (path,) = place.iterdir()
        good = path.read_bytes()
        for _ in range(20 if kind == "a bit flipped" else 1):
            path.write_bytes(DAMAGES[kind](good, rng))
            assert [run(), run()] == [0, 1]
    finally:
        os.environ["MINIGRAD_CACHE"] = before
    assert (array == array[0]).all()
    assert array[0] > 4


def test_a_file_of_another_kernel_is_not_run(tmp_path, monkeypatch):
    monkeypatch.setenv("MINIGRAD_CACHE", str(tmp_path / "kernels"))
    texts = [
        f"def kernel(first, last, rows, step, a0):\n    for i in range(np.uint64(last)):\n        a0[i] = a0[i] {x}\n"
        for x in ("+ 2.0", "* 3.0")
    ]

    def run():
        cache._KERNELS.clear()
        compiler, made = cache.Compiler(), []
        for text in texts:
            array, kernel = np.full(4, 5.0), compiler.kernel(text)
            compiler.finish([(kernel, [array])])
            kernel(0, 4, 4, 4, array)
            made.append(array[0])
        return compiler.found, made

    assert run() == (0, [7.0, 15.0])
    one, other = (tmp_path / "kernels").iterdir()
    contents = one.read_bytes(), other.read_bytes()
    one.write_bytes(contents[1])
    other.write_bytes(contents[0])
    assert run() == (0, [7.0, 15.0])
    assert run() == (2, [7.0, 15.0])


def test_a_text_that_is_none_of_a_kernel_is_refused():
    kernel = cache.Compiler().kernel("def kernel(first, last, rows, step):\n    return first.no_such_attribute\n")
    with pytest.raises(OutsideError, match="no_such_attribute"):
        cache.Compiler().finish([(kernel, [])])


def test_a_full_disk(monkeypatch, tmp_path):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setenv("MINIGRAD_CACHE", str(tmp_path / "kernels"))
    monkeypatch.setattr(cache, "write", full)
    compiled = mg.compile(lambda x: np.tanh(x) * x - 5, backend="native")
    for _ in range(3):
        np.testing.assert_allclose(compiled(np.ones(3)), np.tanh(np.ones(3)) - 5)
    monkeypatch.undo()
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="space"):
        private.write(tmp_path / "file", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["kernels"]


def test_the_cache_may_vanish_at_any_moment(monkeypatch, tmp_path):
    monkeypatch.setenv("MINIGRAD_CACHE", str(tmp_path / "kernels"))
    compiled = mg.compile(lambda x: np.tanh(x) * x - 3, backend="native")
    for n in (3, 4, 5):
        for _ in range(4):
            x = np.ones((n, n))
            np.testing.assert_allclose(compiled(x), np.tanh(x) * x - 3)
            shutil.rmtree(tmp_path / "kernels", ignore_errors=True)


@pytest.mark.parametrize("system", ["nt", "Darwin", "Linux"])
def test_places_for_caches(monkeypatch, tmp_path, system):
    monkeypatch.delenv("MINIGRAD_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(cache, "_system", lambda: system)
    place, reason = cache.folder()
    assert tmp_path in place.parents
    assert not reason


def test_progress_is_told_when_it_takes_long(monkeypatch, capsys):
    monkeypatch.setattr(cache, "_PATIENCE", 0.0)
    compiled = mg.compile(lambda x: (np.tanh(x) * x).sum(0) + np.arange(3.0), backend="native")
    for _ in range(3):
        compiled(np.ones((2, 3)))
    assert "mg.compile: kernel 1 of" in capsys.readouterr().err
    assert compiled.stats()["compile seconds"] >= 0


def test_the_file_of_a_kernel_is_named_by_all_that_its_code_depends_on(monkeypatch):
    one, two = (argument_of(np.empty(1, dtype)) for dtype in ("float32", "float64"))
    names = [
        cache._file_name(*key) for key in [("text", [one]), ("text", [two]), ("another", [one]), ("text", [one] * 2)]
    ]
    assert names[0] == cache._file_name("text", [one])
    monkeypatch.setattr(cache, "described", lambda: "another processor")
    names.append(cache._file_name("text", [one]))
    monkeypatch.setattr(cache, "_SOURCES", "another translation")
    names.append(cache._file_name("text", [one]))
    assert len(set(names)) == 6


def test_every_module_that_a_text_gets_its_meaning_from_is_part_of_the_name():
    """Else a kernel of an earlier version would be taken for one of this."""
    meaning = set(cache._MEANING)
    for module in cache._MEANING:
        for node in ast.walk(ast.parse(Path(sys.modules[module].__file__).read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and module != "minigrad.kernels.normal":
                name = node.module or ""
                assert not name.startswith("minigrad.") or name == "minigrad.errors" or name in meaning, module


def test_the_kernels_that_were_asked_for_last_stay_in_the_process(monkeypatch):
    monkeypatch.setattr(cache, "_KERNELS", OrderedDict())
    monkeypatch.setattr(cache, "_KEPT", 2)
    compiler = cache.Compiler()

    def code(n):
        kernel = compiler.kernel(f"def kernel(first, last, rows, step, a):\n    a[{n}] = 1.0\n")
        compiler.finish([(kernel, [np.zeros(3)])])
        return kernel.function

    first, second = code(0), code(1)
    assert code(0) is first
    code(2)
    assert len(cache._KERNELS) == 2
    assert code(0) is first
    assert code(1) is not second


def test_code_lives_as_long_as_its_function(monkeypatch):
    """Also where the process keeps the kernel no more; each run of the text is one of another constant."""
    monkeypatch.setattr(cache, "_KERNELS", OrderedDict())
    monkeypatch.setattr(cache, "_KEPT", 1)
    compiler, x = cache.Compiler(), np.zeros(1)

    def code(n):
        kernel = compiler.kernel(f"def kernel(first, last, rows, step, a):\n    a[0] = {n}.0\n")
        compiler.finish([(kernel, [x])])
        return kernel.function

    functions = [code(n) for n in range(30)]
    gc.collect()
    for n, function in enumerate(functions):
        function(0, 1, 1, 1, x)
        assert x[0] == n


@pytest.mark.skipif(os.name == "nt", reason="modes are of POSIX")
def test_a_folder_of_all_users_is_not_used_itself(tmp_path):
    """Below /tmp a folder may stand; /tmp itself holds the files of others."""
    tmp_path.chmod(0o1777)
    assert private.private(tmp_path / "own")
    with pytest.raises(private.NotPrivateError, match="others may write"):
        private.private(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_a_pipe_in_a_kernels_place_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "x.kernel")
    found = []
    reader = threading.Thread(target=lambda: found.append(private.read(tmp_path / "x.kernel")), daemon=True)
    reader.start()
    reader.join(10)
    assert found == [None]
