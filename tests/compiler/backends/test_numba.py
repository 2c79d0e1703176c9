"""The backend "numba" as machine code: its elementary functions, whole steps, the cache on disk, threads."""

import os
import pickle
import shutil
import stat
import subprocess
import sys
import threading
import types
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.compiler import backends
from minigrad.compiler.backends.team import TEAM, Team
from minigrad.errors import CompileError
from minigrad.kernels.normal import gelu_and_slope, normal_cdf

pytest.importorskip("numba", reason="the backend needs Numba: pip install numba")

import numba

from minigrad.compiler.backends import cache, private
from minigrad.compiler.backends.formulas import ELEMENTARY

pytestmark = pytest.mark.numba

#: Units in the last place, as the docstring of formulas.py says.
BOUNDS = {"exp": 3, "expm1": 3, "log": 3, "log1p": 3, "tanh": 4}
NORMAL = {"normal_cdf", "gelu", "gelu_slope"}


@pytest.fixture(autouse=True, scope="module")
def _folder(tmp_path_factory):
    """Kernels are kept in a folder of the test's own."""
    before = os.environ.get("MINIGRAD_CACHE")
    os.environ["MINIGRAD_CACHE"] = str(tmp_path_factory.mktemp("kernels"))
    yield
    del os.environ["MINIGRAD_CACHE"]
    if before is not None:
        os.environ["MINIGRAD_CACHE"] = before


def numbers(dtype):
    """Bit patterns of all sizes, and many near what is usual."""
    rng = np.random.default_rng(0)
    unsigned = {4: np.uint32, 8: np.uint64}[np.dtype(dtype).itemsize]
    patterns = rng.integers(0, np.iinfo(unsigned).max, 200_000, unsigned, endpoint=True).view(dtype)
    usual = [rng.standard_normal(50_000) * scale for scale in (1e-3, 0.3, 1, 20, 400)]
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1, -1, np.finfo(dtype).tiny, np.finfo(dtype).max, 1 + 1e-7]
    return np.concatenate([patterns, *[x.astype(dtype) for x in usual], np.array(special, dtype)])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", list(BOUNDS))
def test_elementary_functions_are_within_their_bounds(name, dtype):
    if np.finfo(np.longdouble).nmant < 60:
        pytest.skip("there is no wider float here to compare with")
    kind = {"float32": "f4", "float64": "f8"}[dtype]
    text = (
        "def kernel(first, last, rows, step, a0, a1):\n"
        "    for i in range(np.uint64(first), np.uint64(last)):\n"
        f"        a1[i] = {kind}_{name}(a0[i])\n"
    )
    x = numbers(dtype)
    got = np.empty_like(x)
    cache.Compiler().kernel(text)(0, len(x), len(x), 1, x, got)
    with np.errstate(all="ignore"):
        exact = getattr(np, name)(x.astype(np.longdouble))
        expected = exact.astype(dtype)
        finite = np.isfinite(expected)
        np.testing.assert_array_equal(got[~finite], expected[~finite])
        unit = np.maximum(np.spacing(np.abs(expected[finite])), np.finfo(dtype).smallest_subnormal)
        error = np.abs(got[finite].astype(np.longdouble) - exact[finite]) / unit
    worst = int(np.argmax(error))
    assert error[worst] <= BOUNDS[name], (x[finite][worst], got[finite][worst])
    assert np.signbit(got[x == 0]).tolist() == np.signbit(expected[x == 0]).tolist()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", sorted(NORMAL))
def test_the_normal_distribution_is_numpy_s_to_rounding(name, dtype):
    kind = {"float32": "f4", "float64": "f8"}[dtype]
    text = (
        "def kernel(first, last, rows, step, a0, a1):\n"
        "    for i in range(np.uint64(first), np.uint64(last)):\n"
        f"        a1[i] = {kind}_{name}(a0[i])\n"
    )
    x = np.concatenate([np.linspace(-45, 45, 20_001), [np.inf, -np.inf, np.nan, 0.0, -0.0]]).astype(dtype)
    got = np.empty_like(x)
    cache.Compiler().kernel(text)(0, len(x), len(x), 1, x, got)
    both = gelu_and_slope(x)
    expected = {"normal_cdf": normal_cdf(x), "gelu": both[0], "gelu_slope": both[1]}[name]
    unit = np.finfo(dtype).eps
    np.testing.assert_allclose(got, expected, rtol=0, atol=16 * unit)
    near = np.abs(x) < 5
    np.testing.assert_allclose(got[near], expected[near], rtol=64 * unit, atol=2 * unit)


def test_both_types_have_the_same_functions():
    assert {frozenset(functions) for functions in ELEMENTARY.values()} == {frozenset({*BOUNDS, *NORMAL})}


def trainer(make, dtype="float32"):
    generator = np.random.default_rng(0)
    model = nn.Sequential(
        nn.Linear(2, 64, generator=generator, dtype=dtype),
        nn.ReLU(),
        nn.Linear(64, 3, generator=generator, dtype=dtype),
    )
    optimizer, loss_fn = make(model.parameters()), nn.CrossEntropyLoss()

    def step(x, y):
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return model, step


OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.1, decay=1e-3), "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
    "AdaGrad": lambda p: optim.AdaGrad(p, lr=0.1), "RMSProp": lambda p: optim.RMSProp(p),
    "Adam": lambda p: optim.Adam(p, lr=0.01, decay=1e-4),
}  # fmt: skip


@pytest.mark.parametrize("name", list(OPTIMIZERS))
def test_two_hundred_steps_agree_to_rounding(name):
    generator = np.random.default_rng(1)
    x, y = generator.standard_normal((300, 2)), generator.integers(0, 3, 300)
    (model, eager), (model_2, step) = trainer(OPTIMIZERS[name], "float64"), trainer(OPTIMIZERS[name], "float64")
    compiled = mg.compile(step, backend="numba")
    for _ in range(200):
        expected, got = eager(mg.tensor(x), y).detach().data, compiled(mg.tensor(x), y).data
        np.testing.assert_allclose(got, expected, rtol=1e-9)
    for p, q in zip(model.parameters(), model_2.parameters(), strict=True):
        np.testing.assert_allclose(q.data, p.data, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(q.grad, p.grad, rtol=1e-6, atol=1e-9)
        assert q.grad.flags.writeable
    assert compiled.stats()["replayed"] == 198
    assert compiled.stats()["loops"] >= 4


def test_long_loops_are_shared_and_always_give_the_same():
    x = np.random.default_rng(0).standard_normal(200_001).astype("float32")

    def f(x):
        y = np.tanh(x) * 2 + x
        return y, y.sum(), (y - 1).max()

    compiled = mg.compile(f, backend="numba")
    first = [np.array(z) for z in [compiled(x) for _ in range(3)][-1]]
    np.testing.assert_allclose(first[0], np.tanh(x) * 2 + x, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(first[1], (np.tanh(x.astype(float)) * 2 + x).sum(), rtol=1e-5)
    for size in (1, 2, 3, 5):
        TEAM.size, before = size, TEAM.size
        workers, TEAM._workers = TEAM._workers, None
        try:
            for one, other in zip(first, compiled(x), strict=True):
                assert one.tobytes() == np.asarray(other).tobytes()
        finally:
            TEAM.size, TEAM._workers = before, workers


def test_a_wide_sum_over_rows_and_through_a_view():
    x = np.random.default_rng(0).standard_normal((3000, 40))
    compiled = mg.compile(lambda x: (np.exp(x) * x).sum(0), backend="numba")
    for _ in range(3):
        np.testing.assert_allclose(compiled(x), (np.exp(x) * x).sum(0), rtol=1e-12)
    with pytest.raises(CompileError, match="no program yet"):
        mg.compile(lambda x: x, backend="numba").source()


def test_arguments_of_other_layouts_and_read_only_ones():
    compiled = mg.compile(lambda x, y: np.tanh(x) * y + 1, backend="numba")
    base = np.random.default_rng(0).standard_normal((6, 8))
    frozen = base.copy()
    frozen.flags.writeable = False
    for x in (base, base.T.copy().T, base[:, ::-1], base[::2], frozen, base.astype("float32")):
        for _ in range(3):
            np.testing.assert_allclose(compiled(x, x), np.tanh(x) * x + 1, rtol=1e-6)


SCRIPT = """
import numpy as np, minigrad as mg
f = mg.compile(lambda x: np.tanh(x) * x + np.exp(x), backend="numba")
for _ in range(3):
    f(np.ones(40, "float32"))
from minigrad.compiler.backends.cache import _KERNELS
(kernel,) = _KERNELS.values()
print(sum(kernel.stats.cache_hits.values()), sum(kernel.stats.cache_misses.values()))
"""


def start(folder, script=SCRIPT, **settings):
    environment = {**os.environ, "MINIGRAD_CACHE": str(folder), **settings}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.slow
def test_a_second_process_finds_the_kernels(tmp_path):
    folder = tmp_path / "deep" / "kernels"
    assert start(folder) == ["0", "1"]
    assert start(folder) == ["1", "0"]
    assert start(folder, NUMBA_SLP_VECTORIZE="1") == ["0", "1"]  # the options of compilation are part of the name
    assert start(folder) == ["1", "0"]
    assert len(list(folder.iterdir())) == 2


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
    text = "def kernel(first, last, rows, step, a0):\n    for i in range(first, last):\n        a0[i] = a0[i] + 2.0\n"
    array = np.zeros(4)

    def run():
        cache._KERNELS.clear()
        compiler = cache.Compiler()
        kernel = compiler.kernel(text)
        compiler.finish([(kernel, [array])])
        kernel(0, 4, 4, 4, array)
        return sum(kernel.stats.cache_hits.values())

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


def test_a_kernel_that_does_not_compile_says_so_once():
    def refused(first, last, rows, step):
        return first.no_such_attribute + last + rows + step

    kernel = numba.njit(refused)
    with pytest.raises(numba.TypingError, match="no_such_attribute"):
        cache.Compiler().finish([(kernel, [])])


def test_a_full_disk(monkeypatch, tmp_path):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setenv("MINIGRAD_CACHE", str(tmp_path / "kernels"))
    monkeypatch.setattr(cache, "write", full)
    compiled = mg.compile(lambda x: np.tanh(x) * x - 5, backend="numba")
    for _ in range(3):
        np.testing.assert_allclose(compiled(np.ones(3)), np.tanh(np.ones(3)) - 5)
    monkeypatch.undo()
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="space"):
        private.write(tmp_path / "file", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["kernels"]


@pytest.mark.parametrize(("given", "size"), [("3", 3), ("64", 64), ("0", None), ("", None)])
def test_the_number_of_threads_may_be_given(monkeypatch, given, size):
    monkeypatch.setenv("MINIGRAD_NUM_THREADS", given)
    assert Team().size == size or (size is None and Team().size >= 1)


@pytest.mark.parametrize("given", ["abc", "-1", "1.5"])
def test_a_number_of_threads_that_is_none(monkeypatch, given):
    monkeypatch.setenv("MINIGRAD_NUM_THREADS", given)
    with pytest.raises(CompileError, match="expected a whole number, such as 4"):
        Team()


@pytest.mark.skipif(os.name != "posix", reason="the modes are those of POSIX")
@pytest.mark.parametrize("umask", [0o000, 0o002, 0o022, 0o077])
def test_every_level_is_made_for_its_owner_alone(tmp_path, umask):
    before = os.umask(umask)
    try:
        place = private.private(tmp_path / "a" / "b" / "c")
        private.write(place / "file", b"code")
    finally:
        os.umask(before)
    for level in (place, place.parent, place.parent.parent):
        assert stat.S_IMODE(level.stat().st_mode) == 0o700
    assert stat.S_IMODE((place / "file").stat().st_mode) == 0o600
    assert private.read(place / "file") == b"code"


@pytest.mark.skipif(os.name != "posix", reason="the modes are those of POSIX")
@pytest.mark.parametrize("mode", [0o777, 0o775, 0o770, 0o707, 0o702])
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_folder_that_others_may_write_to_is_not_used(monkeypatch, tmp_path, mode, depth):
    """Nor one below such a folder: it could be swapped for another."""
    place = tmp_path / "a" / "b" / "c"
    place.mkdir(parents=True)
    [place, *place.parents][depth].chmod(mode)
    with pytest.raises(private.NotPrivateError, match="others may write to"):
        private.private(place)
    monkeypatch.setenv("MINIGRAD_CACHE", str(place))
    compiled = mg.compile(lambda x: np.tanh(x) * x - mode - depth, backend="numba")
    assert cache.folder()[0] is None
    if depth == 0 and mode == 0o777:
        for _ in range(3):
            np.testing.assert_allclose(compiled(np.ones(3)), np.tanh(np.ones(3)) - mode)
        assert compiled.stats()["kernels are kept"] == f"no: others may write to {place}"
        assert list(place.iterdir()) == []
    [place, *place.parents][depth].chmod(0o700)


@pytest.mark.skipif(os.name != "posix", reason="the modes are those of POSIX")
def test_what_may_stand_above_the_folder(tmp_path):
    tmp_path.chmod(0o1777)  # as /tmp: nobody renames what is not theirs
    assert private.private(tmp_path / "kernels") == tmp_path / "kernels"
    tmp_path.chmod(0o755)
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "link").symlink_to(tmp_path / "open")
    with pytest.raises(private.NotPrivateError, match="others may write"):
        private.private(tmp_path / "link" / "kernels")
    (tmp_path / "other").symlink_to(tmp_path / "kernels")
    assert private.private(tmp_path / "other") == tmp_path / "kernels"
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "kernels", Path("/proc/none")):
        with pytest.raises(private.NotPrivateError):
            private.private(place)


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="there are no owners")
def test_a_folder_or_a_file_of_somebody_else(monkeypatch, tmp_path):
    private.write(tmp_path / "file", b"code")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert private.read(tmp_path / "link") is None
    (tmp_path / "file").chmod(0o620)
    assert private.read(tmp_path / "file") is None
    (tmp_path / "file").chmod(0o644)
    assert private.read(tmp_path / "file") == b"code"
    assert private.read(tmp_path) is None
    me = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: me + 1)
    assert private.read(tmp_path / "file") is None
    with pytest.raises(private.NotPrivateError, match="belongs to somebody else"):
        private.private(tmp_path)


def test_the_cache_may_vanish_at_any_moment(monkeypatch, tmp_path):
    monkeypatch.setenv("MINIGRAD_CACHE", str(tmp_path / "kernels"))
    compiled = mg.compile(lambda x: np.tanh(x) * x - 3, backend="numba")
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
    compiled = mg.compile(lambda x: (np.tanh(x) * x).sum(0) + np.arange(3.0), backend="numba")
    for _ in range(3):
        compiled(np.ones((2, 3)))
    assert "mg.compile: kernel 1 of" in capsys.readouterr().err
    assert compiled.stats()["compile seconds"] >= 0


def test_ten_threads_compile_at_once():
    start_together = threading.Barrier(10)
    failures = []

    def work(n):
        compiled = mg.compile(lambda x: np.tanh(x) * n + np.exp(x), backend="numba")
        start_together.wait()
        for size in (n, n + 1, 70_000):
            x = np.linspace(-1, 1, size)
            for _ in range(4):
                failures.extend([n] * (not np.allclose(compiled(x), np.tanh(x) * n + np.exp(x), rtol=1e-12)))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(3, 13)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_ten_threads_call_one_function():
    compiled = mg.compile(lambda x: np.tanh(x) * 2 + np.exp(x), backend="numba")
    failures = []

    def work(n):
        x = np.full(80_000, n / 10)
        for _ in range(10):
            failures.extend([n] * (not np.allclose(compiled(x), np.tanh(x) * 2 + np.exp(x), rtol=1e-12)))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_has_threads_of_its_own(tmp_path):
    script = """
import os, warnings
import numpy as np, minigrad as mg
warnings.simplefilter("ignore")
f = mg.compile(lambda x: np.tanh(x) * x + np.exp(x), backend="numba")
x = np.ones(100_000, "float32")
for _ in range(3):
    f(x)
child = os.fork()
if child == 0:
    os._exit(0 if np.allclose(f(x), np.tanh(x) + np.exp(x)) else 1)
print(os.waitpid(child, 0)[1])
"""
    assert start(tmp_path / "k", script, MINIGRAD_NUM_THREADS="2") == ["0"]


def test_a_worker_s_error_is_the_caller_s():
    team = Team()
    team.size = 3
    calls = []

    def kernel(first, last):
        calls.append((first, last))
        if first == 2:
            raise ValueError("in a worker")

    with pytest.raises(ValueError, match="in a worker"):
        team.run(kernel, 5)
    assert sorted(calls) == [(0, 2), (2, 4), (4, 5)]
    calls.clear()
    team._free.acquire()  # busy with another caller's loop
    team.run(kernel, 1)
    team._free.release()
    assert calls == [(0, 1)]


def test_auto_takes_numba_where_it_is(monkeypatch):
    monkeypatch.setattr(backends, "AUTO", ("numba", "numpy"))
    assert mg.compile(lambda x: x).backend == "numba"
    found = backends.importlib.util.find_spec
    monkeypatch.setattr(
        backends.importlib.util, "find_spec", lambda name, *rest: None if name == "numba" else found(name, *rest)
    )
    assert mg.compile(lambda x: x).backend == "numpy"
    with pytest.raises(CompileError, match=r"pip install numba"):
        mg.compile(lambda x: x, backend="numba")


def test_checked_calls_compare_to_rounding():
    _, step = trainer(OPTIMIZERS["Adam"])
    compiled = mg.compile(step, backend="numba", check=True)
    generator = np.random.default_rng(1)
    x, y = mg.tensor(generator.standard_normal((30, 2)).astype("float32")), generator.integers(0, 3, 30)
    losses = [float(compiled(x, y)) for _ in range(20)]
    assert losses[-1] < losses[0]


def test_the_file_of_a_kernel_is_named_by_all_that_its_code_depends_on(monkeypatch, tmp_path):
    codegen = types.SimpleNamespace(magic_tuple=lambda: ("cpu", "features"))
    other = types.SimpleNamespace(magic_tuple=lambda: ("another cpu", "features"))
    one = cache.Kept(tmp_path, "text")._path("(float32)", codegen)
    others = [
        cache.Kept(tmp_path, "text")._path("(float64)", codegen),
        cache.Kept(tmp_path, "another")._path("(float32)", codegen),
        cache.Kept(tmp_path, "text")._path("(float32)", other),
    ]
    assert one == cache.Kept(tmp_path, "text")._path("(float32)", codegen)
    monkeypatch.setitem(cache._OPTIONS, "error_model", "python")
    others.append(cache.Kept(tmp_path, "text")._path("(float32)", codegen))
    assert len({one, *others}) == 5


def test_code_that_holds_addresses_of_this_process_is_not_kept(tmp_path):
    made = types.SimpleNamespace(library=types.SimpleNamespace(has_dynamic_globals=True))
    cache.Kept(tmp_path, "text").save_overload("(float32)", made)
    assert not [*tmp_path.iterdir()]


def test_the_kernels_that_were_asked_for_last_stay_in_the_process(monkeypatch):
    monkeypatch.setattr(cache, "_KERNELS", OrderedDict())
    monkeypatch.setattr(cache, "_KEPT", 2)
    compiler = cache.Compiler()
    one, two, three = (f"def kernel(x):\n    return x + {n}\n" for n in range(3))
    first = compiler.kernel(one)
    second = compiler.kernel(two)
    assert compiler.kernel(one) is first
    compiler.kernel(three)
    assert len(cache._KERNELS) == 2
    assert compiler.kernel(one) is first
    assert compiler.kernel(two) is not second


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
