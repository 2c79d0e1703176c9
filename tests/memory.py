"""Memory that Python allocates, without what a tracer keeps: coverage notes each line that it sees first."""

import gc
import sys
import tracemalloc
from contextlib import contextmanager


@contextmanager
def allocations():
    """Gives a function that says how many bytes are allocated since the beginning: (now, at most)."""
    gc.collect()
    tracer = sys.gettrace()
    sys.settrace(None)
    tracemalloc.start()
    try:
        yield tracemalloc.get_traced_memory
    finally:
        tracemalloc.stop()
        sys.settrace(tracer)
