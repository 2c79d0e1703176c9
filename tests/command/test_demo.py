"""``demo``: the spiral in the terminal."""

import sys

import numpy as np

import minigrad as mg
from minigrad import nn
from minigrad.command import demo, main


def test_it_learns_and_draws(capsys):
    assert main(["demo", "--epochs", "60", "--width", "30"]) == 0
    lines = capsys.readouterr().out.splitlines()
    losses = [float(line.split()[3]) for line in lines if line.startswith("step")]
    assert losses[-1] < 0.8 * losses[0]
    picture = [line for line in lines if set(line) <= set(".:-oxv") and line]
    assert [len(line) for line in picture] == [30] * 15


def test_frames_lie_over_one_another_in_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert main(["demo", "--epochs", "2", "--width", "20"]) == 0
    frames = capsys.readouterr().out.split("\x1b[6A")  # five rows of two lines each, and the line below
    assert len(frames) == 3
    assert all(frame.count("\n") == 6 for frame in frames[:2])
    assert "\x1b[38;2;" in frames[0]


def test_every_point_is_in_the_picture():
    points, labels = demo.spiral(0, samples=5)
    assert points.shape == (15, 2)
    model = nn.Linear(2, 3)
    model.weight.data = np.zeros((3, 2), "float32")
    model.bias.data = np.array([0.0, 1.0, 0.0], "float32")
    with mg.no_grad():
        text = demo.picture(model, points, labels, 80, 40, False)
    assert 10 <= sum(text.count(letter) for letter in "oxv") <= 15
    assert text.count(":") > 3000
