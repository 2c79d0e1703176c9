"""What is shown while a run goes on, and the history that is left of it."""

import math
import os
import re
import sys
import types

import numpy as np
import pytest

from minigrad import nn, optim, train
from minigrad.train import Trainer, progress
from tests.train.runs import X, Y


def fit(epochs, data=(X, Y), **options):
    model = nn.Linear(4, 3, generator=np.random.default_rng(0))
    trainer = Trainer(model, optim.SGD(model.parameters(), lr=0.1), nn.CrossEntropyLoss(), [train.ConfusionMatrix()])
    return trainer.fit(data, epochs, **options)


# -- lines ----------------------------------------------------------------------------------------


def numbers(text):
    return [int(line.split()[1].split("/")[0]) for line in text.splitlines()]


@pytest.mark.parametrize(
    ("epochs", "shown"),
    [(3, [1, 2, 3]), (20, list(range(1, 21))), (50, [1, *range(3, 51, 3), 50]), (1000, [1, *range(50, 1001, 50)])],
)
def test_a_few_epochs_have_a_line_each_and_very_many_some(epochs, shown, capsys, monkeypatch):
    monkeypatch.setattr(progress, "PAUSE", math.inf)  # on a busy machine some have a line because they take long,
    monkeypatch.setattr(progress.Lines, "interval", math.inf)  # and some have one within
    history = fit(epochs, progress="lines")
    captured = capsys.readouterr()
    assert numbers(captured.err) == shown
    assert captured.out == ""
    last = captured.err.splitlines()[-1]
    assert last.startswith(f"epoch {epochs}/{epochs}  loss {history['loss'][-1]:.4g}  (")
    assert "confusion" not in last


def test_slow_epochs_have_a_line_each_and_very_slow_ones_several(capsys, monkeypatch):
    now = iter(range(0, 10**6, 7))
    monkeypatch.setattr(progress.time, "perf_counter", lambda: next(now))
    fit(100, progress="lines")
    assert len(capsys.readouterr().err.splitlines()) > 40
    monkeypatch.setattr(train.loop, "perf_counter", lambda: next(now))
    monkeypatch.setattr(progress.Lines, "interval", 0.0)
    fit(1, [(X, Y)] * 3, progress="lines")
    lines = capsys.readouterr().err.splitlines()
    assert [line.split("  loss")[0] for line in lines] == [f"epoch 1/1  batch {i}/3" for i in (1, 2, 3)] + ["epoch 1/1"]
    fit(1, Unsized(), progress="lines")
    assert "batch 2  loss" in capsys.readouterr().err


class Unsized:
    def __iter__(self):
        return iter([(X, Y)] * 2)


def test_a_run_that_ends_early_shows_its_last_epoch(capsys):
    class Stop(train.Callback):
        def on_record(self, trainer, record):
            if trainer.epoch == 42:
                trainer.stop("enough")

    fit(1000, callbacks=[Stop()], progress="lines")
    lines = capsys.readouterr().err.splitlines()
    assert lines[-2].startswith("epoch 42/1000")
    assert lines[-1] == "Stopped in epoch 42: enough"


def test_none_shows_nothing(capsys):
    fit(3, progress="none")
    assert capsys.readouterr() == ("", "")


# -- bars -----------------------------------------------------------------------------------------


def test_a_bar_in_a_terminal_and_lines_above_it(capsys, monkeypatch):
    pytest.importorskip("rich", reason="the bar needs rich (pip install rich)")
    monkeypatch.setattr(progress.TerminalBar, "interval", 0.0)
    fit(3, [(X, Y)] * 4, progress="bar")
    text = capsys.readouterr().err
    assert "epoch 2/3 batch 3/4" in text
    assert "━" in text
    assert re.findall(r"epoch (\d)/3  loss [\d.]+  \(", text) == ["1", "2", "3"]
    fit(2, (X, Y), progress="bar")
    fit(1, Unsized(), progress="bar")
    assert "batch 2" in capsys.readouterr().err


@pytest.mark.parametrize("terminal", [True, False])
def test_what_a_callback_prints_stays_in_the_pipe_while_there_is_a_bar(terminal, capsys, monkeypatch):
    pytest.importorskip("rich", reason="the bar needs rich (pip install rich)")

    class Prints(train.Callback):
        def on_record(self, trainer, record):
            print("printed")

    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    fit(2, progress="bar", callbacks=[Prints()])
    shown = capsys.readouterr()
    assert shown.out.count("printed") == (0 if terminal else 2)
    assert shown.err.count("printed") == (2 if terminal else 0)  # above the bar


def test_a_program_without_a_console_trains(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert len(fit(2, progress="auto")) == 2


class Page:
    """What IPython's display gives, kept."""

    def __init__(self):
        self.shown = []

    def display(self, thing, display_id):
        assert display_id
        self.shown.append(thing)
        return types.SimpleNamespace(update=self.shown.append)


@pytest.fixture
def notebook(monkeypatch):
    page = Page()
    display = types.ModuleType("IPython.display")
    display.display, display.HTML = page.display, str
    ipython = types.ModuleType("IPython")
    ipython.get_ipython = type("ZMQInteractiveShell", (), {})
    ipython.display = display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return page


def test_a_bar_in_a_notebook(notebook, monkeypatch, capsys):
    fit(3, progress="auto")
    assert '<progress value="0.000" max="3">' in notebook.shown[0]
    assert '<progress value="3.000" max="3">' in notebook.shown[-1]
    assert "epoch 3/3" in notebook.shown[-1]
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(progress.NotebookBar, "interval", 0.0)
    fit(1, [(X, Y)] * 3, progress="bar")
    assert any("batch 2" in html for html in notebook.shown)
    fit(1, Unsized(), progress="bar")
    fit(0, progress="bar")


@pytest.mark.parametrize(
    ("terminal", "term", "rich", "kind"),
    [(True, "xterm", True, progress.TerminalBar), (True, "dumb", True, progress.Lines),
     (True, "xterm", False, progress.Lines), (False, "xterm", True, progress.Lines)],
)  # fmt: skip
def test_auto_is_a_bar_where_somebody_looks(terminal, term, rich, kind, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    monkeypatch.setitem(os.environ, "TERM", term)
    monkeypatch.setattr(progress.importlib.util, "find_spec", lambda name: rich or None)
    assert type(progress.progress_named("auto")) is kind


def test_a_bar_without_rich_says_what_to_install(monkeypatch):
    monkeypatch.setattr(progress.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install rich"):
        fit(1, progress="bar")


# -- history --------------------------------------------------------------------------------------
