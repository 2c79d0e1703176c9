"""The error of a compiled step, with the line that it names."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import CompileError

X = np.float32([1.0, -2.0, 3.0])


def refused(function, match, *args, calls=4):
    """The error of a call of the compiled function; its message names the line that is marked ``# here``."""
    compiled = mg.compile(function)

    def several():
        for _ in range(calls):
            compiled(*(args or (mg.tensor(X),)))

    with pytest.raises(CompileError, match=match) as caught:
        several()
    return str(caught.value)
