"""A script in one of several processes: how it ends, and what it says then, in this process."""

import sys

import pytest

from minigrad.distributed import script


class Told:
    """A reporter that keeps what it is told."""

    def __init__(self):
        self.said = []

    def failed(self, error):
        self.said.append(type(error).__name__)

    def done(self):
        self.said.append("done")


class Ended(BaseException):
    """In place of the end of the process."""


@pytest.fixture
def told(monkeypatch):
    own = Told()

    def leave(status):
        own.said.append(status)
        raise Ended

    monkeypatch.setattr(script, "reporter", lambda: own)
    monkeypatch.setattr(script.os, "_exit", leave)
    monkeypatch.setattr(sys, "argv", sys.argv)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return own


def run(tmp_path, text):
    path = tmp_path / "train.py"
    path.write_text(text)
    return script.main([str(path), "--epochs", "3"])


def test_a_script_that_comes_to_its_end(tmp_path, told, capfd):
    assert run(tmp_path, "import sys; print(sys.argv[1:], __name__)") == 0
    assert capfd.readouterr().out == "['--epochs', '3'] __main__\n"
    assert told.said == ["done"]
    assert run(tmp_path, "raise SystemExit") == 0
    assert run(tmp_path, "raise SystemExit(0)") == 0


@pytest.mark.parametrize(
    ("text", "said", "shown"),
    [
        ("raise SystemExit(3)", ["SystemExit", 3], ""),
        ("raise SystemExit('no data')", ["SystemExit", 1], "no data\n"),
        ("raise KeyboardInterrupt", ["KeyboardInterrupt", 130], ""),
        ("def f():\n    1 / 0\nf()", ["ZeroDivisionError", 1], "division by zero"),
    ],
)
def test_a_script_that_fails_tells_the_launcher_and_ends_at_once(tmp_path, told, capfd, text, said, shown):
    with pytest.raises(Ended):
        run(tmp_path, text)
    assert told.said == said
    error = capfd.readouterr().err
    assert shown in error
    assert "runpy" not in error  # its own part of the traceback alone
