"""Signals: the first is granted after the step, the second is what it always is."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from minigrad.files import Checkpoints
from minigrad.train.interrupting import Interruptible
from tests.train.runs import Run, differences

pytest.importorskip("safetensors", reason="checkpoints need safetensors (pip install safetensors)")
from tests.train.test_resuming import ROOT, PressCtrlC


def test_a_second_ctrl_c_is_an_ordinary_one():
    run = Run(callbacks=[PressCtrlC(at=3, times=2)])
    with pytest.raises(KeyboardInterrupt):
        run.fit(3)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_signals_are_left_alone_in_threads_and_where_somebody_else_handles_them():
    def other(number, frame):
        pass

    before = signal.signal(signal.SIGINT, other)
    try:
        with Interruptible():
            assert signal.getsignal(signal.SIGINT) is other
    finally:
        signal.signal(signal.SIGINT, before)
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.append(Run().fit(2)))
    thread.start()
    thread.join()
    assert differences(Run().fit(2), outcomes[0]) == []


SLOW = """
import sys, time
from tests.train.runs import Run, train
class Slow(train.Callback):
    def on_step(self, trainer):
        print(trainer.step, flush=True)
        time.sleep(float(sys.argv[2]) if trainer.step > 2 else 0.0)
made = Run(callbacks=[Slow()])
made.fit(1000, sys.argv[1] or None)
print("ended", made.trainer.step, flush=True)
"""


def signalled(number, folder, times=1, seconds=0.02):
    """(exit code, stdout, stderr) of a process that gets a signal in its third step."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SLOW, str(folder), str(seconds)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in range(3):
        process.stdout.readline()
    process.send_signal(number)
    while times > 1 and process.poll() is None:  # two that come before it runs again are one
        time.sleep(0.1)
        process.send_signal(number)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
@pytest.mark.parametrize(("number", "name"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")])
def test_signals_from_outside(number, name, tmp_path):
    code, out, err = signalled(number, tmp_path)
    assert code == 0, err
    steps = int(out.split()[-1])
    assert Checkpoints(tmp_path).steps()[-1] == steps
    assert f"Stopped by {name}" in err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_a_second_sigterm_and_one_without_a_folder_end_the_process(tmp_path):
    assert signalled(signal.SIGTERM, tmp_path, times=2, seconds=30)[0] == -signal.SIGTERM
    assert signalled(signal.SIGTERM, "")[0] == -signal.SIGTERM  # there is no checkpoint to write
