"""``python -m minigrad``: one command after the other, and what is wrong by name."""

import os
import subprocess
import sys

import pytest

import minigrad as mg
from minigrad.command import main


def test_it_runs_as_a_module_and_without_extras():
    """Extras are hidden, by a finder that refuses them: info and ops need NumPy alone."""
    text = (
        "import sys, runpy\n"
        "for name in 'llvmlite scipy matplotlib rich hypothesis jax sklearn'.split(): sys.modules[name] = None\n"
        "sys.argv[1:] = ['info']\n"
        "runpy.run_module('minigrad', run_name='__main__')\n"
    )
    made = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    assert "kernels    none: llvmlite is not installed" in made.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ops", "tnh"], "no operation is called 'tnh': did you mean tanh"),
        (["ops", "qqqqqq"], "python -m minigrad ops lists them"),
        (["check", "minigrad"], "MODULE:FUNCTION"),
        (["check", "minigrad:missing"], "minigrad has no 'missing'"),
        (["check", "no_such_module:f"], "no module is called 'no_such_module'"),
        (["check", "minigrad:__version__"], "is of type str, not a function"),
        (["check", "minigrad:tanh", "--between", "2", "1"], "LOW < HIGH"),
        (["check", "minigrad:tanh", "--order", "0"], "--order is 1 or more"),
        (["check", "minigrad:matmul", "--shape", "3,2", "--shape", "3"], "matmul"),
        (["check", "minigrad:tanh", "--seed", "-1"], "--seed is 0 or more, got -1"),
        (
            ["check", "minigrad:tanh", "--shape", "2", "--shape", "3"],
            "cannot be called with 2 arrays: too many positional",
        ),
        (["check", "minigrad:add", "--shape", "2"], "cannot be called with 1 array: missing a required argument: 'y'"),
        (["check", "losses.py:f"], "the module is written as in an import: my_losses:focal_loss for my_losses.py"),
        (["check", "./losses:f"], "the module is written as in an import"),
        (["check", ".losses:f"], "the module is written as in an import"),
        (["check", "minigrad:Tensor"], "minigrad:Tensor is of type type, not a function"),
        (["demo", "--epochs", "0"], "--epochs is 1 or more, got 0"),
        (["demo", "--width", "3"], "--width is 8 or more, got 3"),
        (["demo", "--seed", "-2"], "--seed is 0 or more, got -2"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(arguments, said, capsys):
    assert main(arguments) == 1
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.err.startswith(f"python -m minigrad {arguments[0]}: ")
    assert "Traceback" not in printed.err


@pytest.mark.parametrize("arguments", [["check", "minigrad:tanh", "--examples", "3"], ["info", "more"]])
def test_an_unknown_option_shows_the_usage_of_its_command(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert f"usage: python -m minigrad {arguments[0]} " in said
    assert f"unrecognized arguments: {' '.join(arguments[-2 if arguments[0] == 'check' else -1 :])}" in said


def test_the_version_is_told(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"minigrad {mg.__version__}\n"


@pytest.mark.parametrize("arguments", [["ops"], ["bench", "--only", "chain", "--seconds", "0.1"]])
def test_a_terminal_that_knows_ascii_alone_shows_the_rest_as_a_sign(arguments):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    run = subprocess.run(
        [sys.executable, "-m", "minigrad", *arguments], env=environment, capture_output=True, check=False
    )
    assert (run.returncode, run.stderr) == (0, b"")
    assert b"?" in run.stdout


def test_no_command_lists_all_of_them(capsys):
    assert main([]) == 2
    said = capsys.readouterr().err
    assert [name for name in ("info", "ops", "check", "demo", "bench", "report", "launch") if name not in said] == []


@pytest.mark.parametrize("arguments", [["unknown"], ["check", "minigrad:tanh", "--shape", "x"]])
def test_what_argparse_refuses(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert "usage: python -m minigrad" in capsys.readouterr().err


def test_control_c_is_no_traceback(monkeypatch, capsys):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("minigrad.command.info.extras", stopped)
    assert main(["info"]) == 130
    assert capsys.readouterr().err == ""
