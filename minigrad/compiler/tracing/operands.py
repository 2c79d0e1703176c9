"""What of the nested arguments of a call is an array or a number to the program."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.compiler.passes.conditions import may_end
from minigrad.compiler.program import Call
from minigrad.compiler.tracing.numeric_arguments import Number
from minigrad.compiler.tracing.recorded_array import Recorded
from minigrad.core.trees import flat, mapped_all


def is_value(x: Any) -> bool:
    """Whether the program has a value for it."""
    return type(x) is Number or isinstance(x, Recorded) or (isinstance(x, np.ndarray) and x.dtype != object)


def recorded_in(tree: Any) -> list[Recorded]:
    """The recorded arrays in a structure."""
    return [x for x in flat(tree) if isinstance(x, Recorded)]


def real_arrays_in(tree: Any) -> list[Any]:
    """The real arrays and numbers behind the values in a structure, in the order of ``values_in``."""
    return [real_of(x) for x in flat(tree) if is_value(x)]


def result_of(recording: Any, call: Call, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """The result of a call on the real arrays.

    Of a run in which the numbers are the cause of an error, which the step may handle, no program is made: others go
    another way.
    """
    real, named, function = mapped_all(real_of, args), mapped_all(real_of, options), call.function
    try:
        if not isinstance(function, str):
            return function(*real, **named)
        member = getattr(real[0], function.removeprefix("."))
        return member(*real[1:], **named) if function.startswith(".") else member
    except Exception as error:
        if isinstance(error, FloatingPointError) or may_end(call):
            recording.leave_out()
        raise


def real_of(x: Any) -> Any:
    """The real array or number behind one."""
    return x.real_number if type(x) is Number else x.array if isinstance(x, Recorded) else x
