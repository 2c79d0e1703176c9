"""The backend "native" as machine code: its elementary functions, whole steps, the cache on disk, threads."""

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.compiler import backends
from minigrad.compiler.backends.team import TEAM, Team
from minigrad.errors import CompileError

pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")


from minigrad.compiler.backends import cache, private

pytestmark = pytest.mark.native


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
@pytest.mark.slow
def test_two_hundred_steps_agree_to_rounding(name):
    generator = np.random.default_rng(1)
    x, y = generator.standard_normal((300, 2)), generator.integers(0, 3, 300)
    (model, eager), (model_2, step) = trainer(OPTIMIZERS[name], "float64"), trainer(OPTIMIZERS[name], "float64")
    compiled = mg.compile(step, backend="native")
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

    compiled = mg.compile(f, backend="native")
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
    compiled = mg.compile(lambda x: (np.exp(x) * x).sum(0), backend="native")
    for _ in range(3):
        np.testing.assert_allclose(compiled(x), (np.exp(x) * x).sum(0), rtol=1e-12)
    with pytest.raises(CompileError, match="no program yet"):
        mg.compile(lambda x: x, backend="native").source()


def test_arguments_of_other_layouts_and_read_only_ones():
    compiled = mg.compile(lambda x, y: np.tanh(x) * y + 1, backend="native")
    base = np.random.default_rng(0).standard_normal((6, 8))
    frozen = base.copy()
    frozen.flags.writeable = False
    for x in (base, base.T.copy().T, base[:, ::-1], base[::2], frozen, base.astype("float32")):
        for _ in range(3):
            np.testing.assert_allclose(compiled(x, x), np.tanh(x) * x + 1, rtol=1e-6)


SCRIPT = """
import numpy as np, minigrad as mg
f = mg.compile(lambda x: np.tanh(x) * x + np.exp(x), backend="native")
for _ in range(3):
    f(np.ones(40, "float32"))
print(f.stats()["kernels found"], f.stats()["kernels compiled"])
"""


def start(folder, script=SCRIPT, **settings):
    environment = {**os.environ, "MINIGRAD_CACHE": str(folder), **settings}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


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
    compiled = mg.compile(lambda x: np.tanh(x) * x - mode - depth, backend="native")
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


def test_ten_threads_compile_at_once():
    start_together = threading.Barrier(10)
    failures = []

    def work(n):
        compiled = mg.compile(lambda x: np.tanh(x) * n + np.exp(x), backend="native")
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
    compiled = mg.compile(lambda x: np.tanh(x) * 2 + np.exp(x), backend="native")
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
f = mg.compile(lambda x: np.tanh(x) * x + np.exp(x), backend="native")
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


def test_auto_takes_machine_code_where_it_can(monkeypatch):
    monkeypatch.setattr(backends, "AUTO", ("native", "numpy"))
    assert mg.compile(lambda x: x).backend == "native"
    found = backends.importlib.util.find_spec
    monkeypatch.setattr(
        backends.importlib.util, "find_spec", lambda name, *rest: None if name == "llvmlite" else found(name, *rest)
    )
    assert mg.compile(lambda x: x).backend == "numpy"
    with pytest.raises(CompileError, match=r"pip install llvmlite"):
        mg.compile(lambda x: x, backend="native")


def test_checked_calls_compare_to_rounding():
    _, step = trainer(OPTIMIZERS["Adam"])
    compiled = mg.compile(step, backend="native", check=True)
    generator = np.random.default_rng(1)
    x, y = mg.tensor(generator.standard_normal((30, 2)).astype("float32")), generator.integers(0, 3, 30)
    losses = [float(compiled(x, y)) for _ in range(20)]
    assert losses[-1] < losses[0]
