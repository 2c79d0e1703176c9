"""``examples/custom_op.py``: the operation, what the command prints and draws, and what it refuses."""

import importlib
import math

import numpy as np
import pytest

import minigrad as mg
from minigrad.testing import check_primitive
from tests.examples.commands import EXAMPLES, command, command_without, is_picture, table


@pytest.fixture
def custom_op(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib.import_module("custom_op")


def test_snake(custom_op):
    check_primitive(custom_op.snake)


def test_its_value_and_its_period(custom_op):
    x = mg.tensor([0.0, 0.5, 0.5 + math.pi / 2], dtype="float64")
    z = custom_op.snake(x, 2.0)
    assert np.allclose(z.data, [0.0, 0.5 + math.sin(1) ** 2 / 2, 0.5 + math.pi / 2 + math.sin(1) ** 2 / 2])


def test_the_command(tmp_path):
    done = command("custom_op.py", tmp_path, "--steps", 60, "--examples", 5)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Certified: snake: " in done.stdout
    assert done.stdout.count("step 60 of 60, loss ") == 3
    rows = table(done.stdout, "activation")
    assert list(rows) == ["snake", "tanh", "relu"]
    for known, unknown, _ in rows.values():
        assert 0 < float(known) < 3
        assert 0 < float(unknown) < 30
    assert [path.name for path in tmp_path.iterdir()] == ["custom_op.png"]
    assert is_picture(tmp_path / "custom_op.png")


def test_snake_goes_on_where_tanh_stops(custom_op, capsys):
    assert custom_op.main(["--steps", "3000", "--examples", "1", "--no-plot"]) == 0
    rows = table(capsys.readouterr().out, "activation")
    assert float(rows["snake"][1]) < 0.5 < float(rows["tanh"][1])


def test_a_training_that_diverges_ends_with_a_cure(custom_op, capsys):
    with pytest.raises(
        SystemExit, match=r"custom_op.py: the loss of step \d+ is (nan|inf): try a smaller --learning-rate"
    ):
        custom_op.main(["--steps", "50", "--examples", "1", "--no-plot", "--learning-rate", "1e30"])
    assert "activation" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--steps 0", "expected a whole number from 1 to 1000000000, got '0'"),
        ("--hidden 1.5", "expected a whole number from 1 to 4096, got '1.5'"),
        ("--learning-rate nan", "expected a finite number from 0 on, got 'nan'"),
        ("--output no/such/snake.png", "there is no folder 'no/such'"),
        ("--output snake.bmp", "expected a name that ends in .png, .pdf or .svg, got 'snake.bmp'"),
        ("--output folder.png", "cannot write to 'folder.png'"),
        ("--speed 9", "unrecognized arguments: --speed 9"),
    ],
)
def test_wrong_options_are_explained(custom_op, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(SystemExit) as error:
        custom_op.main(arguments.split())
    assert error.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("package", ["rich", "hypothesis"])
def test_a_missing_package_is_named_with_the_cure(tmp_path, package):
    done = command_without(package, "custom_op.py", tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert package in line
    assert "pip install -e '.[examples]'" in line
