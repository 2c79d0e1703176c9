"""``examples/digits_cnn.py`` as its users meet it, run small, and the parts that its figure rests on."""

import importlib
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest

from tests.examples.example_runs import ENVIRONMENT, EXAMPLES, check_page, imported, picture_size, run, run_without

pytest.importorskip("sklearn", reason="the digits are scikit-learn's: extra examples")

SEED = re.compile(r"seed (\d): (\d+\.\d\d)%, (\d+) of (\d+) digits right, \d+\.\d s")
MEAN = re.compile(r"mean of (\d): (\d+\.\d\d)% on (.+), \d+\.\d s in all")


@pytest.fixture
def digits_cnn(monkeypatch):
    return imported("digits_cnn", monkeypatch)


# -- the command ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_networks_are_trained_measured_and_drawn(tmp_path):
    done = run(tmp_path, "digits_cnn", "--seeds", "2", "--epochs", "2", "--output", "mine.png")
    assert (done.returncode, done.stderr) == (0, "")
    *seeds, mean, picture = done.stdout.splitlines()
    found = [SEED.fullmatch(line).groups() for line in seeds]
    assert [seed for seed, *_ in found] == ["0", "1"]
    for _, accuracy, right, count in found:
        assert count == "360"
        assert 0.5 < int(right) / 360 < 1
        assert float(accuracy) == round(int(right) / 3.6, 2)
    assert found[0][2] != found[1][2]  # the seed matters
    number, accuracy, where = MEAN.fullmatch(mean).groups()
    assert (number, where) == ("2", "the held-out fifth")
    assert float(accuracy) == pytest.approx(sum(int(right) for _, _, right, _ in found) / 7.2, abs=0.005)
    assert picture == "The picture is in mine.png."
    assert [path.name for path in tmp_path.iterdir()] == ["mine.png"]
    assert picture_size(tmp_path / "mine.png") == (1155, 484)


def test_validation_sees_the_training_data_only_and_draws_nothing(tmp_path):
    done = run(tmp_path, "digits_cnn", "--seeds", "1", "--epochs", "1", "--validate")
    assert (done.returncode, done.stderr) == (0, "")
    seed, mean = done.stdout.splitlines()
    assert SEED.fullmatch(seed)[4] == "288"
    assert MEAN.fullmatch(mean)[3] == "parts of the training data"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("package", ["sklearn", "rich", "matplotlib"])
def test_a_missing_package_is_named_with_the_cure(tmp_path, package):
    done = run_without(package, tmp_path, "digits_cnn")
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"digits_cnn.py needs {package}")
    assert "pip install -e '.[examples]'" in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--epochs 0", "argument --epochs: expected a whole number from 1 to 1000000, got '0'"),
        ("--seeds many", "argument --seeds: expected a whole number from 1 to 1000, got 'many'"),
        ("--seeds 6 --validate", "argument --seeds: --validate has 5 parts, expected at most 5, got 6"),
        ("--output digits.bmp", "argument --output: expected a name that ends in .png, .pdf or .svg, got 'digits.bmp'"),
        ("--output no/folder/digits.png", "there is no folder 'no/folder'"),
        ("--speed 9", "unrecognized arguments: --speed 9"),
    ],
)
def test_wrong_options_are_explained(digits_cnn, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as error:
        digits_cnn.parse_options(arguments.split())
    assert error.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_the_page_has_the_command_and_the_picture():
    check_page("digits_cnn")


# -- the parts ------------------------------------------------------------------------------------


def test_a_fifth_is_held_out_and_no_image_is_on_both_sides(digits_cnn):
    (images, labels), (held, held_labels) = digits_cnn.load_data()
    assert (images.shape, images.dtype, held.shape) == ((1437, 1, 8, 8), np.float32, (360, 1, 8, 8))
    assert (images.min(), images.max()) == (0, 1)
    assert np.ptp(np.bincount(held_labels)) <= 3
    assert not {image.tobytes() for image in images} & {image.tobytes() for image in held}
    folds = digits_cnn.parts((images, labels))
    assert sum(len(unseen) for _, (unseen, _) in folds) == len(images)
    for (part, _), (unseen, _) in folds:
        assert not {image.tobytes() for image in part} & {image.tobytes() for image in unseen}


def test_images_are_moved_as_the_map_says(digits_cnn):
    images = np.random.default_rng(0).random((2, 1, 8, 8), dtype=np.float32)

    class Chosen:
        """Draws the numbers that it is told."""

        def __init__(self, bend, shift):
            self.drawn = [np.broadcast_to(bend, (2, 2, 2)), np.broadcast_to(shift, (2, 2, 1))]

        def uniform(self, low, high, shape):
            numbers = self.drawn.pop(0)
            assert numbers.shape == shape
            return numbers

    def moved(bend, shift):
        result, labels = digits_cnn.moved((images, [3, 4]), Chosen(np.array(bend), np.array(shift)))
        assert (labels, result.dtype, result.shape) == ([3, 4], np.float32, images.shape)
        return result

    assert (moved(0.0, 0.0) == images).all()
    down = moved(0.0, [[-1.0], [0.0]])  # what stands at a place came from one row above it
    assert (down[:, :, 1:] == images[:, :, :-1]).all()
    assert (down[:, :, 0] == 0).all()
    half = moved(0.0, [[0.0], [0.5]])
    assert np.allclose(half[..., :-1], (images[..., :-1] + images[..., 1:]) / 2)
    assert np.allclose(half[..., -1], images[..., -1] / 2)
    turned = moved([[-1.0, 1.0], [-1.0, -1.0]], 0.0)  # with the identity, a turn by 90 degrees
    assert np.allclose(turned, np.rot90(images, axes=(2, 3)), atol=1e-6)


def test_the_hardest_digits_are_those_of_least_belief_in_the_right_answer(digits_cnn):
    images = np.arange(12, dtype=np.float32).reshape(12, 1, 1, 1) * np.ones((1, 1, 8, 8), np.float32)
    probabilities = np.zeros((3, 12, 10))
    probabilities[:, :, 0], probabilities[:, :, 1] = 0.9, 0.1
    probabilities[:, 5, 0], probabilities[:, 5, 3] = (0.6, 0.45, 0.3), (0.4, 0.55, 0.7)  # two read a 3
    probabilities[:, 2, 0], probabilities[:, 2, 4] = 0.7, 0.3
    first, second, *rest = digits_cnn.hardest((images, np.zeros(12, int)), probabilities)
    assert (first.image[0, 0], first.digit, first.wrong) == (5, 0, [3, 3])
    assert first.belief == pytest.approx(0.45)
    assert first.told(3) == "0, read as 3\nby 2 of 3"
    assert (second.image[0, 0], second.wrong) == (2, [])
    assert second.told(3) == "0, all right,\n70% sure"
    assert len(rest) == 8


# -- in a terminal ---------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="signals and terminals of POSIX")
@pytest.mark.slow
def test_a_terminal_sees_a_live_bar_and_ctrl_c_ends_it(tmp_path):
    master, terminal = importlib.import_module("pty").openpty()
    command = [sys.executable, EXAMPLES / "digits_cnn.py", "--epochs", "10000"]
    environment = {**ENVIRONMENT, "TERM": "xterm-256color", "COLUMNS": "100"}
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=terminal, stderr=subprocess.PIPE, encoding="utf-8"
    )
    os.close(terminal)
    output = b""
    try:
        while b"epoch 2," not in output and (piece := os.read(master, 65536)):
            output += piece
        process.send_signal(signal.SIGINT)
        while piece := os.read(master, 65536):
            output += piece
    except OSError:  # Linux says so that the other end is closed
        pass
    _, errors = process.communicate(timeout=60)
    os.close(master)
    assert process.returncode == 130
    assert errors.splitlines()[-1] == "digits_cnn.py: stopped by Ctrl-C"
    assert "Traceback" not in errors
    assert b"seed 0" in output
    assert b"\x1b[2K" in output  # a line is drawn again
    assert list(tmp_path.iterdir()) == []
