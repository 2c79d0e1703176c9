"""A script in one of several processes: ``python -m minigrad.distributed.script train.py ...``, as the launcher does.

The process joins the others before the script begins. An error in it is told to the launcher before the process ends.
"""

from __future__ import annotations

import faulthandler
import os
import runpy
import sys
import traceback
from collections.abc import Sequence
from types import TracebackType

from minigrad.distributed.joining import leave, start
from minigrad.distributed.reporting import reporter


def main(arguments: Sequence[str]) -> int:
    """Run the script with the rest as its arguments; the exit status."""
    faulthandler.enable()  # a rank that hangs is ended by SIGABRT, and says where it stood
    script = arguments[0]
    sys.argv = list(arguments)
    sys.path[0] = os.path.dirname(os.path.abspath(script))
    try:
        start()
        runpy.run_path(script, run_name="__main__")
    except SystemExit as error:
        status = _status(error)
        if status:
            _leave_at_once(error, status)
    except KeyboardInterrupt as error:
        _leave_at_once(error, 130)
    except BaseException as error:  # noqa: BLE001 - whatever it is, the others must learn of it
        traceback.print_exception(error.with_traceback(_of_script(error.__traceback__)))
        _leave_at_once(error, 1)
    leave()
    own = reporter()
    if own is not None:
        own.done()
    return 0


def _of_script(trace: TracebackType | None) -> TracebackType | None:
    """The part of a traceback that begins in the script."""
    own = {__file__, runpy.__file__, "<frozen runpy>"}
    while trace is not None and trace.tb_next is not None and trace.tb_frame.f_code.co_filename in own:
        trace = trace.tb_next
    return trace


def _status(error: SystemExit) -> int:
    if error.code is None or isinstance(error.code, int):
        return error.code or 0
    sys.stderr.write(f"{error.code}\n")
    return 1


def _leave_at_once(error: BaseException, status: int) -> None:
    """End without waiting for the others, as JAX would at the end of the process."""
    own = reporter()
    if own is not None:
        own.failed(error)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
