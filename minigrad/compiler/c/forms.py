"""All calls that have a form in C: the makers, in the order in which they are asked."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from minigrad.compiler.c import elementwise, indexing, moving, products, reductions
from minigrad.compiler.c.channels import CHANNELS
from minigrad.compiler.c.form import Form
from minigrad.compiler.c.rows import ROWS
from minigrad.compiler.c.sequences import SEQUENCES
from minigrad.compiler.c.sketch import Sketch, Walk
from minigrad.compiler.c.windows import WINDOWS
from minigrad.compiler.program import Call

_MAKERS: tuple[Callable[[Call, Form], bool], ...] = (
    elementwise.elementwise,
    reductions.reduction,
    reductions.deviation,
    reductions.extreme,
    reductions.accumulation,
    indexing.read,
    indexing.written,
    moving.joined,
    moving.copies,
    indexing.rows_added,
    products.product,
)


#: The package's own functions.
_OWN: dict[Any, Callable[[Call, Form], None]] = {**WINDOWS, **SEQUENCES, **CHANNELS, **ROWS}


def made(call: Call, form: Form) -> bool:
    """Whether there is a form, which is emitted then. Raises ``RefusedError`` for what a form does not cover."""
    if str(getattr(call.function, "__module__", "")).startswith("minigrad.kernels."):
        bound = inspect.signature(call.function).bind(*call.args, **call.kwargs)
        bound.apply_defaults()
        call = Call(call.function, bound.args, {}, call.results, call.writes).beside(call)
        if call.function in _OWN:
            _OWN[call.function](call, form)
            return True
    return any(make(call, form) for make in _MAKERS)


def look(call: Call, form: Form) -> None:
    """Whether all numbers of an index are those of elements of an axis."""
    numbers, size = form.place(call.args[0]), call.args[1]
    target = form.target(call.results[0])
    sketch = Sketch()
    sketch.put("fits = True")
    walk = Walk(numbers.shape, [numbers])
    with sketch.loops(walk.sizes) as names:
        sketch.put(f"k = index({sketch.array(numbers)}[{walk.at(0, names)}])")
        sketch.put(f"fits = fits and k >= {-size} and k < {size}")
    sketch.put(f"{sketch.at(target, name='z')} = fits")
    form.emit(sketch)
