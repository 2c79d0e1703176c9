"""``step.graph()``: a program as a picture: the inputs and results of each kernel, its bytes, time and lines."""

from __future__ import annotations

from collections.abc import Sequence

from minigrad.compiler.output.listing import Listing, look
from minigrad.compiler.output.profile import Kernel
from minigrad.compiler.program import ARGUMENT, CAPTURE, GRADIENT, RATE, RESULT, Call, Program, Value, values_in
from minigrad.viz.dot import Picture, Sketch, amount
from minigrad.viz.nodes import line_at

#: The number of characters that are shown of a kernel's text; the whole is in the tooltip.
_LONG = 44

#: Arrays of optimizers that hold nothing from step to step.
_WORK = ("scratch", "gradients")


def pictured(program: Program, listing: Listing, kernels: Sequence[Kernel], title: str) -> Picture:
    """The kernels as boxes in three groups; views are left out, and arrows go from the last writer to each reader."""
    sketch = Sketch(title)
    longest = max((kernel.microseconds for kernel in kernels if any(map(_is_arithmetic, kernel.calls))), default=0.0)
    wrote: dict[Value, str] = {}  # the root of a value: the box of its last writer
    for kernel in kernels:
        calls = [call for call in kernel.calls if _is_arithmetic(call)]
        seen = [value for call in calls for value in (*call.results, *call.writes)]
        if not calls or (all(value.root is not value for value in seen) and not any(call.writes for call in calls)):
            continue  # a view, or Python around the arithmetic
        inner = {value for call in calls for value in call.results}
        sources = {value.root: value for call in calls for value in call.values if value not in inner}
        for root, value in sources.items():
            if root not in wrote and _is_shown(root):
                what = {ARGUMENT: "argument", CAPTURE: "", GRADIENT: "gradient before", RATE: "rate"}[root.kind]
                shape = "" if root.kind == RATE else look(root)
                wrote[root] = sketch.box([listing.name(root) or listing.name(value), shape, what], outside=True)
        cost = f"{amount(kernel.read)} in, {amount(kernel.written)} out"
        if kernel.microseconds:
            cost += f", {kernel.microseconds:.1f} µs"
        recorded = [value for call in calls for value in (*call.origin.results, *call.origin.writes)]
        names = ", ".join(dict.fromkeys(filter(None, map(listing.name, recorded[-3:]))))
        text = kernel.text.partition(" = ")[2] if calls[0].origin.results else kernel.text
        text = text if len(text) <= _LONG else f"{text[:_LONG]} ..."
        shapes = look(seen[-1]) if seen else ""
        box = sketch.box(
            [names if len(calls) == 1 else f"{names} ({len(calls)} calls)", text, shapes, cost],
            group=kernel.phase,
            tooltip=kernel.text,
            heat=kernel.microseconds / longest if longest else 0.0,
            more={"l": "\n".join(dict.fromkeys(line_at(call.place) for call in calls if call.place.line))},
        )
        for root in sources:
            if root in wrote:
                sketch.arrow(wrote[root], box)
        for value in seen:
            wrote[value.root] = box
    for value in dict.fromkeys(values_in(program.outputs)):
        if value.root in wrote and value.root.kind == RESULT:
            sketch.arrow(wrote[value.root], sketch.box(["result", look(value)], outside=True))
    return sketch.picture()


def _is_arithmetic(call: Call) -> bool:
    """Whether it is a call, or random numbers that are drawn, rather than Python around them."""
    return not call.is_host or bool(call.function.kind == "draw")


def _is_shown(root: Value) -> bool:
    """Whether a value from outside is worth a box: no constant, no scratch."""
    return root.kind != CAPTURE or (bool(root.name) and root.name not in _WORK)
