"""``examples/physics_informed.py``: the equation, its exact solution, what the command prints, draws and refuses."""

import importlib
import re

import numpy as np
import pytest

import minigrad as mg
from tests.examples.commands import EXAMPLES, command, command_without, is_picture


@pytest.fixture
def physics(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib.import_module("physics_informed")


def test_the_exact_solution_obeys_the_equation(physics):
    """By differences of its own values, which know nothing of the network's derivatives."""
    x, t, h, viscosity = np.linspace(-0.95, 0.95, 39), np.full(39, 0.4), 1e-4, 0.05
    value = physics.exact(x, t, viscosity)
    right, left = physics.exact(x + h, t, viscosity), physics.exact(x - h, t, viscosity)
    u_t = (physics.exact(x, t + h, viscosity) - physics.exact(x, t - h, viscosity)) / (2 * h)
    assert np.allclose(u_t + value * (right - left) / (2 * h), viscosity * (right - 2 * value + left) / h**2, atol=1e-4)
    assert np.allclose(physics.exact(x, np.zeros(39), viscosity), -np.sin(np.pi * x))


def test_the_residual_is_that_of_differences(physics):
    u = physics.Solution(5, np.random.default_rng(0))
    for p in u.parameters():
        p.data = p.data.astype(np.float64)
    x, t = np.random.default_rng(1).random((2, 7, 1))
    h, viscosity = 1e-4, 0.03

    def at(x, t):
        return u(mg.tensor(x, dtype="float64"), mg.tensor(t, dtype="float64")).data

    u_x, u_t = (at(x + h, t) - at(x - h, t)) / (2 * h), (at(x, t + h) - at(x, t - h)) / (2 * h)
    u_xx = (at(x + h, t) - 2 * at(x, t) + at(x - h, t)) / h**2
    expected = u_t + at(x, t) * u_x - viscosity * u_xx
    made = physics.residual(u, mg.tensor(x, dtype="float64"), mg.tensor(t, dtype="float64"), viscosity)
    assert np.allclose(made.data, expected, atol=1e-5)


def test_beginning_and_ends_are_right_from_the_start(physics):
    u = physics.Solution(5, np.random.default_rng(0))
    x = mg.tensor([[-0.3], [-1.0], [1.0]])
    t = mg.tensor([[0.0], [0.7], [0.7]])
    assert np.allclose(u(x, t).data, [[np.sin(0.3 * np.pi)], [0], [0]], atol=1e-6)


@pytest.mark.slow
def test_the_command(tmp_path):
    arguments = ("--steps", 150, "--lbfgs-steps", 2, "--width", 8, "--viscosity", 0.2)
    done = command("physics_informed.py", tmp_path, *arguments)
    assert done.returncode == 0
    assert "Warning" not in done.stderr
    relative, largest = re.search(r"exact solution: (\S+) relative, (\S+) at most", done.stdout).groups()
    assert 0 < float(relative) < 0.1
    assert 0 < float(largest) < 0.2
    assert "Adam: step 150 of 150, residual² " in done.stdout
    assert "L-BFGS: step 2 of 2, residual² " in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["physics_informed.png"]
    assert is_picture(tmp_path / "physics_informed.png")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--viscosity 0", "expected a number from 0.005 to 1.0, got '0'"),
        ("--steps none", "expected a whole number from 1 to 1000000000, got 'none'"),
        ("--lbfgs-steps 0", "expected a whole number from 1 to 1000000000, got '0'"),
        ("--output no/such.png", "there is no folder 'no'"),
    ],
)
def test_wrong_options_are_explained(physics, capsys, arguments, message):
    with pytest.raises(SystemExit) as error:
        physics.main(arguments.split())
    assert error.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_a_picture_that_cannot_be_written_is_said(physics, tmp_path, monkeypatch):
    def savefig(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", savefig)
    with pytest.raises(SystemExit, match=r"physics_informed.py: \[Errno 28\] No space left on device"):
        physics.main([*"--steps 1 --lbfgs-steps 1 --width 4 --viscosity 0.5 --output".split(), str(tmp_path / "x.png")])


def test_a_missing_package_is_named_with_the_cure(tmp_path):
    done = command_without("rich", "physics_informed.py", tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("physics_informed.py needs rich.console, which is not installed: in a checkout")
