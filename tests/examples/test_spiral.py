"""``examples/spiral.py`` as its users meet it: the command, its options, output, picture and errors."""

import importlib
import os
import re
import signal
import struct
import subprocess
import sys
from pathlib import Path

import nnfs
import numpy as np
import pytest

import minigrad as mg

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "examples" / "spiral.py"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"}
NINE = [
    "SGD, lr 1.0", "SGD, lr 0.85", "SGD, decay 0.01", "SGD, decay 0.001", "SGD, decay 0.001, momentum 0.5",
    "SGD, decay 0.001, momentum 0.9", "AdaGrad, lr 1.0, decay 0.0001", "RMSProp, lr 0.001, decay 0.0001",
    "Adam, lr 0.05, decay 5e-07",
]  # fmt: skip

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and terminals of POSIX")


def run(folder, *arguments, before=()):
    """The finished process of ``spiral.py`` with these arguments; a warning in it is an error."""
    command = [sys.executable, "-W", "error", *(before or [SCRIPT]), *arguments]
    return subprocess.run(
        command, cwd=folder, env=ENVIRONMENT, capture_output=True, encoding="utf-8", timeout=60, check=False
    )


def rows(output):
    """The table: name -> the other cells."""
    lines = output[output.rindex("\nrun ") :].splitlines()[2:]
    found = [re.split(r"\s{2,}", line.strip()) for line in lines[: lines.index("")]]
    return {name: cells for name, *cells in found}


def png_size(path):
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", head[16:])


@pytest.fixture
def spiral(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPT.parent)
    return importlib.import_module("spiral")


# -- the command ----------------------------------------------------------------------------------


def test_all_nine_runs_with_table_and_picture(tmp_path):
    done = run(tmp_path, "--epochs", "40")
    assert (done.returncode, done.stderr) == (0, "")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", done.stdout)  # no control character but the newline
    table = rows(done.stdout)
    assert list(table) == NINE
    for accuracy, accuracy_range, loss, loss_range, rate, seconds in table.values():
        assert 0.2 < float(accuracy) < 0.9
        assert 0.5 < float(loss) < 1.5
        assert re.fullmatch(r"0\.\d{3}-0\.\d{3}", accuracy_range)
        assert re.fullmatch(r"\d\.\d{3}-\d\.\d{3}", loss_range)
        assert 0 < float(rate) <= 1
        assert 0 <= float(seconds) < 60
    assert "Trained 9 runs in " in done.stdout
    assert done.stdout.count("of 9: ") == 9
    assert done.stdout.count("  epoch ") == 90  # every tenth of each run
    width, height = png_size(tmp_path / "spiral.png")
    assert 1500 < width < 3000
    assert 900 < height < 2000
    pixels = importlib.import_module("matplotlib.image").imread(tmp_path / "spiral.png")
    assert len(np.unique((pixels[::5, ::5, :3] * 8).astype(int).reshape(-1, 3), axis=0)) > 30


def test_the_notebooks_lines(tmp_path):
    arguments = ("--optimizer", "sgd", "--decay", "1e-3", "--epochs", "201", "--print-every", "100", "--no-plot")
    done = run(tmp_path, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    lines = re.findall(r"^epoch: (\d+), acc: (0\.\d{3}), loss: (\d\.\d{3}), lr: (\S+)$", done.stdout, re.MULTILINE)
    assert [(epoch, lr) for epoch, _, _, lr in lines] == [
        ("0", "1.0"), ("100", "0.9099181073703367"), ("200", "0.8340283569641367"),
    ]  # fmt: skip
    # The last epoch is one of those printed: table and line tell of one forward pass.
    accuracy, loss, rate, _ = rows(done.stdout)["SGD, lr 1.0, decay 0.001"]
    assert (accuracy, loss) == lines[-1][1:3]
    assert rate == "0.834"
    assert "  epoch " not in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_output_names_the_picture_and_the_table_shows_divergence(tmp_path):
    done = run(tmp_path, "--optimizer", "adam,sgd", "--learning-rate", "1e30", "--epochs", "50", "--output", "mine.png")
    assert (done.returncode, done.stderr) == (0, "")
    assert {name: cells[1] for name, cells in rows(done.stdout).items()} == {
        "SGD, lr 1e+30": "nan",
        "Adam, lr 1e+30, decay 5e-07": "nan",
    }
    assert "smaller --learning-rate" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["mine.png"]
    assert png_size(tmp_path / "mine.png")[0] > 1000


def test_wrong_input_ends_with_one_line_and_code_2(tmp_path):
    done = run(tmp_path, "--epochs", "0")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[1:] == [
        "spiral.py: error: argument --epochs: expected a whole number from 1 to 1000000000, got '0'"
    ]


@pytest.mark.parametrize("package", ["nnfs", "rich", "matplotlib"])
def test_a_missing_package_is_named_with_the_cure(tmp_path, package):
    without = (
        f"import runpy, sys; sys.modules[{package!r}] = None; sys.path.insert(0, {str(SCRIPT.parent)!r}); "
        f"runpy.run_path({str(SCRIPT)!r}, run_name='__main__')"
    )
    done = run(tmp_path, before=("-c", without))
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert package in line
    assert "pip install -e '.[examples]'" in line
    assert "pip install -e '.[examples]'" in line


@posix
def test_ctrl_c_shows_the_runs_that_are_done(tmp_path):
    command = [sys.executable, SCRIPT, "--epochs", "1000", "--no-plot"]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    )
    start = ""
    while "run 2 of 9" not in start:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        start += line
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (130, "")
    done = len(rows(start + rest))
    assert 1 <= done < 9
    assert rest.splitlines()[-1] == f"Stopped by Ctrl-C after {done} of 9 runs."


@posix
def test_a_terminal_sees_live_bars(tmp_path):
    master, terminal = importlib.import_module("pty").openpty()
    command = [sys.executable, SCRIPT, "--epochs", "60", "--no-plot", "--optimizer", "sgd"]
    environment = {**ENVIRONMENT, "TERM": "xterm-256color", "COLUMNS": "100"}
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=terminal, stderr=terminal)
    os.close(terminal)
    output = b""
    try:
        while piece := os.read(master, 65536):
            output += piece
    except OSError:  # Linux says so that the other end is closed
        pass
    os.close(master)
    assert process.wait() == 0
    assert b"\x1b[2K" in output  # a line is drawn again
    assert b"6 of 6" in output
    assert list(rows(output.decode().replace("\r\n", "\n").replace("\x1b[1m", "").replace("\x1b[0m", ""))) == NINE[:6]


# -- options --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ("", NINE),
        ("--optimizer all", NINE),
        ("--optimizer sgd", NINE[:6]),
        ("--optimizer adagrad", NINE[6:7]),
        ("--optimizer RMSProp", NINE[7:8]),
        ("--optimizer rmsprop,adam", NINE[7:]),
        ("--optimizer adam --optimizer rmsprop", NINE[7:]),
        ("--optimizer sgd --learning-rate 0.5 --momentum 0.9", ["SGD, lr 0.5, momentum 0.9"]),
        ("--optimizer adam --learning-rate 0.01", ["Adam, lr 0.01, decay 5e-07"]),
        ("--optimizer adagrad,rmsprop --decay 0", ["AdaGrad, lr 1.0, decay 0.0", "RMSProp, lr 0.001, decay 0.0"]),
    ],
)
def test_options_choose_the_runs(spiral, arguments, names):
    _, runs = spiral.parse_options([*arguments.split(), "--no-plot"])
    assert [run.name for run in runs] == names


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--epochs -1", "expected a whole number from 1"),
        ("--epochs 1.5", "expected a whole number from 1"),
        ("--seed -1", "expected a whole number from 0"),
        ("--samples 0", "expected a whole number from 1"),
        ("--hidden many", "expected a whole number from 1"),
        ("--print-every 0", "expected a whole number from 1"),
        ("--optimizer sgd --learning-rate nan", "expected a finite number >= 0, got 'nan'"),
        ("--optimizer sgd --learning-rate=-1", "expected a finite number >= 0, got '-1'"),
        ("--optimizer sgd --decay inf", "expected a finite number >= 0, got 'inf'"),
        ("--optimizer sgd --momentum 1", "expected a number from 0 to below 1, got '1'"),
        ("--optimizer lion", "expected some of sgd, adagrad, rmsprop, adam or all, got 'lion'"),
        ("--optimizer adam --momentum 0.9", "--momentum is an option of sgd, not of Adam"),
        ("--learning-rate 0.1", "say which --optimizer to change"),
        ("--output no/such/folder/spiral.png", "there is no folder"),
        ("--output spiral.bmp", "expected a name that ends in .png, .pdf or .svg"),
        ("--output folder.png", "cannot write to 'folder.png'"),
        ("--speed 9", "unrecognized arguments: --speed 9"),
    ],
)
def test_wrong_options_are_explained(spiral, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(SystemExit) as error:
        spiral.parse_options(arguments.split())
    assert error.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


# -- the training ---------------------------------------------------------------------------------


def trained(spiral, *arguments):
    """(result, points, labels, the reported lines) of the first run that these options ask for."""
    options, runs = spiral.parse_options(["--no-plot", "--epochs", "30", *arguments])
    points, labels = spiral.load_data(options.samples, options.seed)
    lines = []
    result = spiral.train(runs[0], points, labels, options, lambda *line: lines.append(line))
    return result, points, labels, lines


def test_the_numbers_are_those_of_the_model(spiral):
    result, points, labels, lines = trained(spiral, "--optimizer", "adam")
    assert (points.shape, points.dtype, labels.shape) == ((300, 2), np.float32, (300,))
    assert {p.dtype for p in result.model.parameters()} == {np.dtype(np.float32)}
    logits = result.model(mg.tensor(points))
    assert result.loss[-1] == mg.nn.functional.cross_entropy(logits, labels).item()
    assert result.accuracy[-1] == mg.nn.functional.accuracy(logits, labels)
    assert [line[0] for line in lines] == list(range(30))
    assert [line[1:3] for line in lines] == list(zip(result.accuracy, result.loss, strict=True))
    assert lines[-1][3] == result.last_lr
    assert result.loss[-1] < result.loss[0]


@pytest.mark.parametrize("run", range(9))
def test_compiled_epochs_are_those_of_the_loop_to_rounding(spiral, run):
    run = spiral.RUNS[run]
    points, labels = spiral.load_data(100, 0)
    found = []
    for more in ([], ["--compile"]):
        options, _ = spiral.parse_options(["--no-plot", "--epochs", "130", *more])
        lines = []
        result = spiral.train(run, points, labels, options, lambda *line: lines.append(line))  # noqa: B023
        found.append((np.array(lines), result.last_lr, result.loss))
    (loop, last, _), (compiled, last_too, losses) = found
    assert last == last_too
    np.testing.assert_array_equal(loop[:, [0, 3]], compiled[:, [0, 3]])  # epochs and rates
    np.testing.assert_allclose(loop[:20, 2], compiled[:20, 2], rtol=1e-4)
    assert abs(loop[:20, 1] - compiled[:20, 1]).max() <= 2 / 300
    assert all(type(loss) is float for loss in losses)


def test_seed_samples_and_hidden_reach_the_training(spiral):
    first, *_ = trained(spiral)
    again, *_ = trained(spiral)
    other, *_ = trained(spiral, "--seed", "1")
    assert first.loss == again.loss
    assert first.loss != other.loss
    small, points, *_ = trained(spiral, "--samples", "7", "--hidden", "5")
    assert len(points) == 21
    assert [p.shape for p in small.model.parameters()] == [(5, 2), (5,), (3, 5), (3,)]


@pytest.mark.parametrize("more", [(), ("--compile",)])
def test_a_run_that_diverges_stops_at_once(spiral, more):
    with np.errstate(all="ignore"):
        result, *_ = trained(spiral, "--optimizer", "sgd", "--learning-rate", "1e30", *more)
    assert np.isfinite(result.loss[:-1]).all()
    assert not np.isfinite(result.loss[-1])
    assert len(result.loss) < 30


def test_numpy_is_left_alone(spiral, monkeypatch):
    def init():
        raise AssertionError("nnfs.init() patches NumPy process-wide")

    monkeypatch.setattr(nnfs, "init", init)
    before = np.dot, np.zeros, np.eye, np.random.randn
    trained(spiral, "--epochs", "1")
    assert (np.dot, np.zeros, np.eye, np.random.randn) == before


def test_the_quartiles_are_of_both_codes(spiral):
    """The command that made them, on few epochs: near each other, and the notebook's again the same."""
    nine_runs = importlib.import_module("tests.benchmarks.nine_runs")
    for run in spiral.RUNS:
        ends = [nine_runs.notebook(run, seed, 40) for seed in (0, 1, 0)]
        assert ends[0] == ends[2] != ends[1]
        for code in (nine_runs.minigrad, nine_runs.compiled):
            accuracy, loss = code(run, 0, 40)
            assert abs(accuracy - ends[0][0]) < 0.2
            assert abs(loss - ends[0][1]) < 0.2
    assert nine_runs.quartiles([(0.1, 5.0), (0.3, 1.0), (0.2, 3.0)]) == (
        pytest.approx([0.1, 0.15, 0.2, 0.25, 0.3]), [1.0, 2.0, 3.0, 4.0, 5.0],
    )  # fmt: skip


# -- the animation --------------------------------------------------------------------------------


def test_the_runs_as_an_animation(tmp_path, spiral):
    done = run(tmp_path, "--epochs", "12", "--animation", "runs.gif", "--no-plot", "--optimizer", "adam,rmsprop")
    assert (done.returncode, done.stderr) == (0, "")
    assert "The animation is in runs.gif." in done.stdout
    with importlib.import_module("PIL.Image").open(tmp_path / "runs.gif") as image:
        assert image.n_frames == len(spiral.shown_epochs(12)) > 7
        first = np.asarray(image.convert("RGB"))
        image.seek(image.n_frames - 1)
        assert image.info["duration"] == 2500
        last = np.asarray(image.convert("RGB"))
    assert np.mean(first != last) > 0.03


def test_a_compiled_run_keeps_the_same_epochs(spiral):
    points, labels = spiral.load_data(20, 0)
    kept = []
    for more in ([], ["--compile"]):
        options, runs = spiral.parse_options(
            ["--epochs", "150", "--animation", "x.gif", "--no-plot", "--optimizer", "rmsprop", *more]
        )
        kept.append(spiral.train(runs[0], points, labels, options, lambda *heard: None).moments)
    assert list(kept[0]) == list(kept[1]) == sorted(options.moments)
    for epoch, weights in kept[0].items():
        for own, compiled in zip(weights, kept[1][epoch], strict=True):
            np.testing.assert_allclose(own, compiled, rtol=1e-3, atol=1e-4)


def test_a_frame_is_what_the_network_decided_at_that_epoch(spiral):
    animation = importlib.import_module("spiral_animation")
    options, runs = spiral.parse_options(
        ["--epochs", "200", "--animation", "x.gif", "--no-plot", "--optimizer", "adam"]
    )
    points, labels = spiral.load_data(100, 0)
    result = spiral.train(runs[0], points, labels, options, lambda *heard: None)
    assert {0, 199} <= set(result.moments) <= set(range(200))
    assert len(result.moments) <= spiral.FRAMES
    before = [p.data.copy() for p in result.model.parameters()]
    early, late = (animation.regions(result, result.moments[epoch]) for epoch in (0, 199))
    for kept, p in zip(before, result.model.parameters(), strict=True):
        np.testing.assert_array_equal(kept, p.data)  # the trained weights are back
    with mg.no_grad():
        decided = result.model(mg.tensor(points)).data.argmax(1)
    places = np.rint((points / animation.EDGE + 1) / 2 * (animation.PIXELS - 1)).astype(int)
    pixels = late[places[:, 1], places[:, 0], None, None]
    shown = np.abs(pixels - animation.tones()).sum(-1).min(-1).argmin(-1)
    assert np.mean(shown == decided) > 0.9
    assert np.mean(np.any(early != late, axis=-1)) > 0.3


@pytest.mark.parametrize(
    ("path", "said"), [("runs.mp4", "ends in .gif, got 'runs.mp4'"), ("none/runs.gif", "there is no folder 'none'")]
)
def test_where_no_animation_can_be_written(path, said, spiral, capsys):
    with pytest.raises(SystemExit):
        spiral.parse_options(["--animation", path])
    assert f"--animation: {'expected a name that ' if 'ends' in said else ''}{said}" in capsys.readouterr().err


def test_without_the_option_no_weights_are_kept(spiral):
    options, runs = spiral.parse_options(["--epochs", "3", "--no-plot", "--optimizer", "adam"])
    points, labels = spiral.load_data(5, 0)
    assert spiral.train(runs[0], points, labels, options, lambda *heard: None).moments == {}
