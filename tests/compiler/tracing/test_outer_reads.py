"""What a step reads of the world outside is refused, by whatever function; and nothing else is."""

import builtins
import functools
import importlib.util
import inspect
import io
import linecache
import logging.handlers
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
import uuid
import warnings

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, random
from minigrad.errors import CompileError

X = np.ones(3)
PIPE = os.pipe()


@pytest.fixture
def files(tmp_path):
    np.save(tmp_path / "a.npy", X)
    np.savetxt(tmp_path / "a.txt", X)
    X.tofile(tmp_path / "a.bin")
    mg.save(tmp_path / "a.npz", {"a": X})
    return tmp_path


READS = {
    "np.load": lambda folder: np.load(folder / "a.npy"),
    "np.loadtxt": lambda folder: np.loadtxt(folder / "a.txt"),
    "np.genfromtxt": lambda folder: np.genfromtxt(folder / "a.txt"),
    "np.fromfile": lambda folder: np.fromfile(folder / "a.bin"),
    "np.memmap": lambda folder: np.asarray(np.memmap(folder / "a.bin", np.float64, "r")),
    "mg.load": lambda folder: mg.load(folder / "a.npz")["a"],
    "Path.read_text": lambda folder: len((folder / "a.txt").read_text()),
    "np.fromregex": lambda folder: np.fromregex(folder / "a.txt", r"(\d+)\.", [("x", np.int64)])["x"],
    "os.path.exists": lambda folder: 2 if os.path.exists(folder / "stop") else 3,
    "os.path.isfile": lambda folder: 2 if os.path.isfile(folder / "stop") else 3,
    "os.path.getsize": lambda folder: os.path.getsize(folder / "a.txt"),
    "os.stat": lambda folder: os.stat(folder / "a.txt").st_size,
    "os.access": lambda folder: 2 if os.access(folder / "stop", os.R_OK) else 3,
    "os.open": lambda folder: os.open(folder / "a.txt", os.O_RDONLY),
    "os.read": lambda _: len(os.read(PIPE[0], 1)),
    "Path.exists": lambda folder: 2 if (folder / "stop").exists() else 3,
    "Path.is_dir": lambda folder: 2 if (folder / "stop").is_dir() else 3,
    "Path.stat": lambda folder: (folder / "a.txt").stat().st_mtime,
    "os.listdir": lambda folder: len(os.listdir(folder)),
    "Path.iterdir": lambda folder: len([*folder.iterdir()]),
    "uuid": lambda _: 2 if uuid.uuid4().int % 2 else 3,
    "os.urandom": lambda _: 2 if getattr(os, "urandom")(1)[0] % 2 else 3,  # noqa: B009
    "shutil.disk_usage": lambda folder: 2 if shutil.disk_usage(folder).free % 2 else 3,
    "subprocess.run": lambda _: 2 if subprocess.run([sys.executable, "-c", ""], check=True).stdout else 3,
    "socket.socket": lambda _: 2 if socket.socket() else 3,
    "secrets": lambda _: 2 if secrets.randbelow(2) else 3,
    "io.FileIO": lambda folder: len(io.FileIO(folder / "a.txt").read()),
    "a generator without a seed": lambda _: 2 if np.random.default_rng().normal() > 0 else 3,
}


@pytest.mark.parametrize("read", READS)
def test_it_is_refused_in_the_first_call(read, files):
    reading = READS[read]  # alone in reach: what others name is refused before the step runs

    def step(x):
        return x * reading(files)

    before = builtins.open, io.open, os.listdir, os.stat, os.path.exists, np.random.default_rng
    with pytest.raises(CompileError, match=r"the step (reads|calls)|random numbers are drawn") as caught:
        mg.compile(step, backend="numpy", audit=False)(X)
    assert re.search(r"outside", str(caught.value))
    assert __file__ in str(caught.value) or read == "os.urandom"  # which is found by its name
    assert before == (builtins.open, io.open, os.listdir, os.stat, os.path.exists, np.random.default_rng)


def _global(read):
    names = {"read": read}
    exec("def step(x):\n    return x * float(bool(read()))", names)
    return names["step"]


def _default(read):
    def step(x, read=read):
        return x * float(bool(read()))

    return step


def _attribute(read):
    class Parts:
        def __init__(self):
            self.read = read

        def step(self, x):
            return x * float(bool(self.read()))

    return Parts().step


def _of_class(read):
    class Parts:
        reads = staticmethod(read)

        def step(self, x):
            return x * float(bool(self.reads()))

    return Parts().step


HELD = {
    "a global": _global,
    "a closure": lambda read: lambda x: x * float(bool(read())),
    "a default": _default,
    "an attribute": _attribute,
    "a static method": _of_class,
    "a dict": lambda read: lambda x, parts={"read": read}: x * float(bool(parts["read"]())),
    "a tuple": lambda read: lambda x, parts=(read, 1): x * float(bool(parts[0]())),
}


@pytest.mark.parametrize("held", HELD)
@pytest.mark.parametrize("read", [os.stat, os.listdir, np.random.default_rng], ids=lambda read: read.__name__)
def test_functions_that_were_named_otherwise_before_are_refused_too(read, held, tmp_path):
    bound = read if read is np.random.default_rng else functools.partial(read, tmp_path)
    step = HELD[held](bound)
    with pytest.raises(CompileError, match="the step reads"):
        mg.compile(step, backend="numpy", audit=False)(X)


def test_a_folder_for_a_while_may_be_made_in_the_step():
    def step(x):
        with tempfile.TemporaryDirectory() as folder:
            np.save(os.path.join(folder, "a.npy"), X)
        return x * 2

    compiled = mg.compile(step, backend="numpy")
    for _ in range(4):
        np.testing.assert_array_equal(compiled(X), X * 2)
    assert compiled.stats()["replayed"] == 2


def test_the_system_s_random_numbers_have_no_state():
    held = secrets.SystemRandom()
    with pytest.raises(CompileError, match="the system's random numbers"):
        mg.compile(lambda x: x * (2 if held.random() < 0.5 else 3))(X)


@pytest.fixture
def kept_lines():
    """The lines of generated code stand in the cache alone, and what clears it ends with the test."""
    before = dict(linecache.cache)
    yield
    linecache.cache.update(before)


@pytest.mark.usefixtures("kept_lines")
def test_what_is_written_or_seeded_or_of_a_library_is_no_matter(tmp_path, monkeypatch):
    drop = nn.Dropout(0.5)

    def step(x):
        np.save(tmp_path / "b.npy", X)
        return drop(mg.tensor(x)) * np.random.default_rng(3).random(3) * len(inspect.getsource(inspect))

    monkeypatch.setattr(random, "package_generator", [])
    linecache.clearcache()
    compiled = mg.compile(step, backend="numpy")
    for _ in range(4):
        compiled(X)
    assert compiled.stats()["replayed"] == 2
    assert (tmp_path / "b.npy").exists()


@pytest.mark.usefixtures("kept_lines")
def test_libraries_look_at_files_to_write_to_import_and_to_show_a_line(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "twice.py").write_text("from os import listdir\n\nclass C:\n    names = listdir\n")
    module = f"{__name__}_of_a_step"

    def step(x):
        import twice

        importlib.util.find_spec(module)
        linecache.clearcache()
        linecache.getline(__file__, 1)
        with pytest.warns(UserWarning, match="seen"):
            warnings.warn("seen", stacklevel=1)
        traceback.format_stack()
        os.makedirs(tmp_path / "a" / "b", exist_ok=True)
        (tmp_path / "a" / "b").mkdir(parents=True, exist_ok=True)
        (tmp_path / "c").resolve().touch()
        handler = logging.handlers.RotatingFileHandler(tmp_path / "log", maxBytes=1, backupCount=1)
        handler.emit(logging.makeLogRecord({"msg": "seen"}))
        handler.close()
        with tempfile.NamedTemporaryFile(dir=tmp_path) as file:
            np.savetxt(file.name, X)
        return x * np.loadtxt(io.StringIO("2")) * np.genfromtxt(["3"]) * len(twice.__name__)

    compiled = mg.compile(step, backend="numpy")
    for _ in range(4):
        np.testing.assert_array_equal(compiled(X), step(X))
    assert compiled.stats()["replayed"] == 2


def test_descriptors_are_written(tmp_path):
    def step(x):
        descriptor = os.open(tmp_path / "a", os.O_WRONLY | os.O_CREAT)
        os.write(descriptor, b"a")
        os.close(descriptor)
        return x * 2

    compiled = mg.compile(step, backend="numpy")
    for _ in range(3):
        compiled(X)
    assert compiled.stats()["replayed"] == 1


def test_a_module_that_the_step_imports_may_keep_what_stands_for_a_function(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "keeping.py").write_text("from os import listdir, stat\n\nclass C:\n    names = listdir\n")

    def step(x):
        import keeping

        return x * len(keeping.__name__)

    mg.compile(step, backend="numpy")(X)
    keeping = sys.modules.pop("keeping")
    assert keeping.listdir is not os.listdir
    assert keeping.C().names(tmp_path) == os.listdir(tmp_path)
    assert keeping.listdir.__name__ == "listdir"


def test_other_threads_read_as_they_like(tmp_path):
    met, seen = threading.Barrier(2, timeout=10), []

    def read():
        met.wait()
        for what in (lambda: os.stat(tmp_path), lambda: os.listdir(1j)):
            try:
                seen.append(what())
            except TypeError as error:
                seen.append(error)
        met.wait()

    def step(x):
        met.wait()
        met.wait()
        return x * 2

    thread = threading.Thread(target=read)
    thread.start()
    mg.compile(step, backend="numpy")(X)
    thread.join()
    assert [type(x) for x in seen] == [os.stat_result, TypeError]


def test_behind_a_decision_the_call_runs_as_it_is_written(tmp_path):
    np.save(tmp_path / "a.npy", X)

    def step(x, n):
        return x * np.load(tmp_path / "a.npy") if n % 4 == 0 else x

    compiled = mg.compile(step, backend="numpy", audit=False)
    for n in range(1, 24):
        np.save(tmp_path / "a.npy", X * n)
        np.testing.assert_array_equal(compiled(X, n), step(X, n))
    assert compiled.stats()["replayed"] > 8


@pytest.mark.parametrize(
    "call",
    ["mg.special.boxcox1p(x, 0.5)", "mg.special.erf(x)", "mg.linalg.sqrtm(x * mg.tensor(np.eye(2, dtype='f4')))"],
)
def test_a_library_that_an_op_needs_first_in_a_step_may_read_files_on_its_way(call, tmp_path):
    """NumPy's own tests, which SciPy imports, look through the folders of packages, the script's among them."""
    pytest.importorskip("scipy")
    (tmp_path / "script.py").write_text(
        "import sys\n"
        "import numpy as np\n"
        "import minigrad as mg\n"
        "assert 'scipy.special' not in sys.modules\n"
        f"step = mg.compile(lambda x: {call}, backend='numpy')\n"
        "results = [step(mg.tensor([0.3, 0.4])).data.tolist() for _ in range(4)]\n"
        "assert results[0] == results[3]\n"
        "print(step.stats()['replayed'])\n"
    )
    root = os.path.dirname(os.path.dirname(mg.__file__))
    run = subprocess.run(
        [sys.executable, "-W", "ignore", tmp_path / "script.py"],
        env={**os.environ, "PYTHONPATH": root},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stdout == "2\n", run.stderr
