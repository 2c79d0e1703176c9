"""``python -m minigrad launch``: a script in one process; what is wrong in a line; exit statuses."""

import os
import socket
import subprocess
import sys

import pytest

from minigrad.command import main

SCRIPT = """
import sys
import minigrad as mg
print(__name__, mg.distributed.rank(), mg.distributed.size(), sys.argv[1:])
import beside
def deep(): {code}
deep()
"""


def launch(tmp_path, code, *arguments, environment=None):
    (tmp_path / "beside.py").write_text("", encoding="utf-8")
    script = tmp_path / "train.py"
    script.write_text(SCRIPT.format(code=code), encoding="utf-8")
    command = [sys.executable, "-m", "minigrad", "launch", *arguments, str(script), "--epochs", "3"]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **(environment or {})}
    )


def test_a_script_runs_as_rank_0_of_1(tmp_path):
    made = launch(tmp_path, "pass", "--processes", "1")
    assert made.returncode == 0, made.stderr
    assert made.stdout == "[0] __main__ 0 1 ['--epochs', '3']\n"


def test_a_script_that_fails_is_said_with_its_own_part_of_the_traceback(tmp_path):
    made = launch(tmp_path, "raise ValueError('row 7 is bad')", "--processes", "1")
    assert made.returncode == 1
    assert "rank 0 has failed: ValueError: row 7 is bad\n" in made.stderr
    lines = [line for line in made.stderr.splitlines() if "File" in line]
    assert all("train.py" in line for line in lines)
    assert len(lines) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        ("sys.exit()", 0, ""),
        ("sys.exit(5)", 5, "SystemExit: 5"),
        ("sys.exit('no data')", 1, "[0] no data"),
        ("raise KeyboardInterrupt", 130, "KeyboardInterrupt"),
    ],
)
def test_exit_statuses_are_those_of_the_script(tmp_path, code, status, said):
    made = launch(tmp_path, code, "--processes", "1")
    assert made.returncode == status
    assert said in made.stderr


@pytest.mark.slow
def test_a_rank_of_a_cluster(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    place = {"SLURM_PROCID": "0", "SLURM_NTASKS": "1", "SLURM_JOB_ID": str(port), "SLURM_JOB_NODELIST": "127.0.0.1"}
    made = launch(tmp_path, "pass", environment=place)
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith("[0] __main__ 0 1")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--processes", "2", "no_such_script.py"], "there is no script no_such_script.py"),
        (["--processes", "0", __file__], "--processes is a number from 1 on, got 0"),
        (["--processes", "2", "--timeout", "0", __file__], "--timeout is a number of seconds above 0, got 0.0"),
        ([__file__], "launch needs --processes N"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(arguments, said, capsys):
    assert main(["launch", *arguments]) == 1
    assert said in capsys.readouterr().err


def test_in_this_process_a_launch_ends_as_its_rank_does(tmp_path, capsys):
    script = tmp_path / "train.py"
    script.write_text("import sys; print('trained', sys.argv[1:])", encoding="utf-8")
    assert main(["launch", "--processes", "1", str(script), "--epochs", "3"]) == 0
    assert capsys.readouterr().out == "[0] trained ['--epochs', '3']\n"
    script.write_text("print('begun'); raise ValueError('row 7 is bad')", encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["launch", "--processes", "1", str(script)])
    assert ended.value.code == 1
    said = capsys.readouterr()
    assert said.out == "[0] begun\n"
    assert "rank 0 has failed: ValueError: row 7 is bad\nAll 1 ranks have ended." in said.err
