"""Ranks as processes: their output, their end, and who is named. Without JAX: these ranks only report."""

import signal
import subprocess
import sys
import time

import pytest

from minigrad.distributed.launching import Launch, on_this_machine
from minigrad.distributed.reporting import ENDED_WITH_OTHERS

#: A rank: it reports, and does what the case says.
RANK = """
import os, signal, sys, time
from minigrad.distributed.reporting import meeting, report_to, reporter
from minigrad.distributed.variables import place
own = place()
report_to(own)
try:
    exec(sys.argv[1])
except Exception as error:
    reporter().failed(error)
    sys.exit(1)
reporter().done()
"""
WAIT = "with meeting(): time.sleep(60)\nprint('waited in vain')"


def launched(code, processes=2, limit=60.0):
    """Exit status, failure, and lines."""
    lines = []
    with on_this_machine(processes, limit) as places:
        command = [sys.executable, "-u", "-c", RANK, code]
        launch = Launch(places, command, lambda _, line: lines.append(line.decode()))
        status, failure = launch.run()
    assert all(process.popen.poll() is not None for process in launch._processes)
    return status, failure, lines


def test_output_has_the_rank_in_front():
    status, failure, lines = launched("print('line'); print('other'); sys.stderr.write('no end')")
    assert (status, failure) == (0, None)
    assert sorted(lines) == sorted(f"[{rank}] {text}\n" for rank in (0, 1) for text in ("line", "other", "no end"))


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        ("raise MemoryError('9 GiB')", 1, "MemoryError: 9 GiB"),
        pytest.param("os._exit(3)", 3, "exit status 3", marks=pytest.mark.slow),
        pytest.param("sys.stderr.write('a last word\\n'); os._exit(4)", 4, "a last word", marks=pytest.mark.slow),
        ("os._exit(0)", 75, "it left before the end of the script, with exit status 0"),
        ("os.kill(os.getpid(), signal.SIGKILL)", 137, "it was ended by SIGKILL"),
    ],
)
def test_a_rank_that_fails_is_named_and_ends_the_others(code, status, reason):
    got, failure, lines = launched(f"if own.rank == 1: {code}\n{WAIT}")
    assert (got, failure) == (status, (1, reason))
    assert "[0] waited in vain\n" not in lines


@pytest.mark.slow
def test_a_rank_that_hangs_says_where():
    status, failure, lines = launched(f"if own.rank == 1: time.sleep(60)\n{WAIT}", limit=5.0)
    assert status in (ENDED_WITH_OTHERS, 134)
    assert failure.rank == 1
    assert failure.hangs
    assert any("most recent call first" in line for line in lines)


@pytest.mark.slow
def test_a_rank_that_stands_still_is_named():
    status, failure, _ = launched(f"if own.rank == 1: os.kill(os.getpid(), signal.SIGSTOP)\n{WAIT}", limit=5.0)
    assert status != 0
    assert failure.rank == 1


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_signals_go_to_all_ranks(number, tmp_path):
    code = (
        "wished = []\n"
        "for n in (signal.SIGINT, signal.SIGTERM): signal.signal(n, lambda number, frame: wished.append(number))\n"
        f"open(os.path.join({str(tmp_path)!r}, str(own.rank)), 'w').close()\n"
        f"while own.rank == 0 and len(os.listdir({str(tmp_path)!r})) < 2: time.sleep(0.01)\n"
        f"if own.rank == 0: os.kill(os.getppid(), {int(number)})\n"
        "while not wished: time.sleep(0.01)\n"
        "print('ends by', int(wished[0]))"
    )
    before = signal.getsignal(number)
    status, failure, lines = launched(code)
    assert (status, failure) == (0, None)
    assert sorted(lines) == [f"[{rank}] ends by {int(number)}\n" for rank in (0, 1)]
    assert signal.getsignal(number) == before


@pytest.mark.slow
def test_ranks_end_with_a_launcher_that_is_killed(tmp_path):
    """No orphans: a rank whose launcher is gone ends by itself."""
    launcher = (
        "import sys\nfrom minigrad.distributed.launching import Launch, on_this_machine\n"
        "with on_this_machine(2, 60.0) as places:\n"
        "    Launch(places, [sys.executable, '-c', sys.argv[1], sys.argv[2]], lambda number, line: None).run()"
    )
    own = f"os.path.join({str(tmp_path)!r}, str(own.rank))"
    code = f"open({own}, 'w').write(str(os.getpid()))\nos.rename({own}, {own} + '.whole')\n{WAIT}"
    with subprocess.Popen([sys.executable, "-c", launcher, RANK, code]) as process:
        until = time.monotonic() + 60
        while time.monotonic() < until and len(list(tmp_path.glob("*.whole"))) < 2:
            time.sleep(0.05)
        ids = [int(file.read_text(encoding="utf-8")) for file in tmp_path.glob("*.whole")]
        process.kill()
    assert len(ids) == 2
    until = time.monotonic() + 50  # they would wait longer by themselves
    while time.monotonic() < until and any(_lives(number) for number in ids):
        time.sleep(0.05)
    assert not any(_lives(number) for number in ids)


def _lives(number):
    try:
        with open(f"/proc/{number}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # the latter where it ends meanwhile
        return False


def test_two_launches_at_once_have_ports_of_their_own():
    with on_this_machine(2, 1.0) as one, on_this_machine(2, 1.0) as other:
        assert one[0].coordinator != other[0].coordinator
        assert one[0].token != other[0].token
