"""Recurrent layers, attention and scans as loops: see ``minigrad.kernels`` for what they stand for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.compiler.backends import recurrent_loops
from minigrad.compiler.c.elementwise import copied
from minigrad.compiler.c.form import Form
from minigrad.compiler.c.places import Place
from minigrad.compiler.c.sketch import Sketch, Text, Walk
from minigrad.compiler.program import Call
from minigrad.kernels import attention, recurrent, scans, triangular


def _options(call: Call, *names: str) -> dict[str, Any]:
    return dict(zip(names, call.args, strict=True))


# -- recurrent layers: the kernels of the backend "native", for one sequence after the other --------------


def _forward(call: Call, form: Form) -> None:
    """All steps of a layer."""
    p, state, weight, bias, ended, last = call.args
    steps, batch, width = p.shape
    hidden, places = weight.shape[1], [form.target(x) for x in call.results]
    kind = places[0].kind.name
    name = {recurrent.gru_forward: "gru", recurrent.lstm_forward: "lstm"}.get(call.function)
    text = recurrent_loops.recurrent(
        name or ("rnn_relu" if last else "rnn_tanh"), kind, 1, hidden, len(places) > 1, ended is not None
    )
    across = form.dense(form.place(weight).moved(lambda a: a.T))
    shift = form.constant(np.zeros(width, p.dtype)) if bias is None else form.dense(form.place(bias))
    operands = [form.dense(form.place(p)), form.dense(form.place(state)), across, shift, *places]
    _scanned(form, text, operands, ended, (steps, batch, hidden))


def _backward(call: Call, form: Form) -> None:
    """The gradients of what goes into the gates, from the last step to the first, and of the first state."""
    *arrays, ended, cell = call.args
    places = [form.target(x) for x in call.results]
    kind, sizes = places[0].kind.name, arrays[1].shape[-3:]
    nothing = form.constant(np.zeros(1, call.results[0].dtype))
    operands = [nothing if x is None else form.dense(form.place(x)) for x in arrays]
    text = recurrent_loops.backward(cell, kind, 1, sizes[-1], ended is not None)
    _scanned(form, text, [*operands, *places], ended, sizes)


def _scanned(form: Form, text: str, operands: list[Place], ended: Any, sizes: tuple[int, ...]) -> None:
    """A kernel of these arrays, whose blocks are the sequences of a batch."""
    more = [] if ended is None else [form.dense(form.place(ended))]
    form.emit(Text(text, [0, sizes[1], 1, 1, *operands, *more, *sizes]))


# -- attention ------------------------------------------------------------------------------------


def _scores(sketch: Sketch, places: dict[str, Any], lead: list[str], i: str, causal: bool, scale: float) -> str:
    """Lines for the scores of query i in ``row``; gives how many keys there are for it."""
    keys, width, t = places["key"].shape[-2], places["key"].shape[-1], places["key"].kind.name
    count = f"min({i} + 1, {keys})" if causal else str(keys)
    sketch.put(f"count = {count}")
    with sketch.block("for s in range(count):"):
        sketch.put(f"score = {t}(0)")
        with sketch.loops([width], "e") as (e,):
            query = sketch.at(places["query"], *lead, i, e, name="query")
            key = sketch.at(places["key"], *lead, "s", e, name="key")
            sketch.put(f"score = score + {query} * {t}({scale!r}) * {key}")
        mask = places.get("mask")
        if mask is not None:
            told = sketch.at(mask, *lead, i, "s", name="mask")
            is_bool = mask.kind.family == "b"
            sketch.put(f"score = score if {told} else {t}(-math.inf)" if is_bool else f"score = score + {t}({told})")
        sketch.put("row[s] = score")
    return "count"


def _spread(form: Form, options: dict[str, Any], *names: str) -> tuple[dict[str, Any], tuple[int, ...]]:
    """The arrays with all leading axes, and these."""
    places = {name: form.place(options[name]) for name in names if options[name] is not None}
    lead = np.broadcast_shapes(*[x.shape[:-2] for x in places.values()])
    spread = {name: x.spread((*lead, *x.shape[-2:])) for name, x in places.items()}
    if "mask" in spread:
        shape = (*lead, spread["query"].shape[-2], spread["key"].shape[-2])
        spread["mask"] = spread["mask"].spread(shape)
    return spread, lead


def _attended(call: Call, form: Form) -> None:
    options = _options(call, "query", "key", "value", "mask", "causal", "scale")
    places, lead = _spread(form, options, "query", "key", "value", "mask")
    z, logs = (form.target(x) for x in call.results)
    queries, wide, t = z.shape[-2], z.shape[-1], z.kind.name
    sketch = Sketch()
    sketch.put(f"row = np.empty({max(places['key'].shape[-2], 1)}, {recurrent_loops.REALS[t]})")
    with sketch.loops([*lead, queries]) as names:
        lead_names, i = names[:-1], names[-1]
        _scores(sketch, places, lead_names, i, options["causal"], options["scale"])
        sketch.put(f"top = {t}(-math.inf)")
        with sketch.block("for s in range(count):"):
            sketch.put("top = maximum(top, row[s])")
        sketch.put(f"top = top if abs(top) < {t}(math.inf) else {t}(0)", f"total = {t}(0)")
        with sketch.block("for s in range(count):"):
            sketch.put(f"row[s] = {t}_exp(row[s] - top)", "total = total + row[s]")
        sketch.put(f"some = total if total != 0 else {t}(1)")
        with sketch.loops([wide], "v") as (v,):
            sketch.put(f"{sketch.at(z, *lead_names, i, v, name='z')} = {t}(0)")
        with sketch.block("for s in range(count):"):
            sketch.put("share = row[s] / some")
            with sketch.loops([wide], "v") as (v,):
                at = sketch.at(z, *lead_names, i, v, name="z")
                sketch.put(f"{at} = {at} + share * {sketch.at(places['value'], *lead_names, 's', v, name='value')}")
        sketch.put(f"log_ = {t}_log(some) + top if total != 0 else {t}(math.inf)")
        sketch.put(f"{sketch.at(logs, *lead_names, i, '0', name='logs')} = log_")
    form.emit(sketch)


def _attended_back(call: Call, form: Form) -> None:
    options = _options(call, "g", "z", "logs", "query", "key", "value", "mask", "causal", "scale")
    places, lead = _spread(form, options, "g", "z", "logs", "query", "key", "value", "mask")
    packed = form.target(call.results[0])
    copied(form, 0, packed)
    sizes = [places[name].shape[-2:] for name in ("query", "key", "value")]
    t, scale = packed.kind.name, options["scale"]
    parts, start = [], 0
    for rows, columns in sizes:
        part = packed.moved(lambda a, i=start, k=start + rows * columns: a[..., i:k])
        parts.append(part.of((*lead, rows, columns), (*part.strides[:-1], columns, 1)))
        start += rows * columns
    (queries, deep), wide = sizes[0], sizes[2][1]
    sketch = Sketch()
    sketch.put(f"row = np.empty({max(sizes[1][0], 1)}, {recurrent_loops.REALS[t]})")
    with sketch.loops([*lead, queries]) as names:
        own, i = names[:-1], names[-1]
        _scores(sketch, places, own, i, options["causal"], scale)
        sketch.put(
            f"inner = {t}(0)", f"total = {t}(0)", f"log_ = {sketch.at(places['logs'], *own, i, '0', name='logs')}"
        )
        with sketch.loops([wide], "v") as (v,):
            g, z = (sketch.at(places[name], *own, i, v, name=name) for name in ("g", "z"))
            sketch.put(f"inner = inner + {g} * {z}")
        with sketch.block("for s in range(count):"):
            sketch.put(f"row[s] = {t}_exp(row[s] - log_)", "total = total + row[s]")
        sketch.put(f"some = total if total != 0 else {t}(1)")
        with sketch.block("for s in range(count):"):
            sketch.put(f"slope = {t}(0)")
            with sketch.loops([wide], "v") as (v,):
                g = sketch.at(places["g"], *own, i, v, name="g")
                value = sketch.at(places["value"], *own, "s", v, name="value")
                at = sketch.at(parts[2], *own, "s", v, name="of_value")
                sketch.put(f"slope = slope + {g} / some * {value}", f"{at} = {at} + row[s] * ({g} / some)")
            sketch.put(f"slope = (slope - inner / some) * row[s] * {t}({scale!r})")
            with sketch.loops([deep], "e") as (e,):
                query, key = (sketch.at(places[x], *own, y, e, name=x) for x, y in (("query", i), ("key", "s")))
                of_q = sketch.at(parts[0], *own, i, e, name="of_query")
                of_k = sketch.at(parts[1], *own, "s", e, name="of_key")
                sketch.put(f"{of_q} = {of_q} + slope * {key}", f"{of_k} = {of_k} + slope * {query}")
    form.emit(sketch)


# -- scans ----------------------------------------------------------------------------------------


def _recurrence(call: Call, form: Form) -> None:
    """z[i] = x[i] + w[i] z[i - 1] along an axis."""
    options = _options(call, "x", "w", "axis")
    target = form.target(call.results[0])
    axis = options.get("axis", -1) % len(target.shape)
    places = [form.place(options[name]).spread(target.shape) for name in ("x", "w")] + [target]
    others = [a for a in range(len(target.shape)) if a != axis]
    parts = [x.of(tuple(x.shape[a] for a in others), tuple(x.strides[a] for a in others)) for x in places]
    sketch, t = Sketch(), target.kind.name
    walk = Walk(parts[-1].shape, parts)
    with sketch.loops(walk.sizes) as names:
        sketch.put(f"total = {t}(0)")
        with sketch.block(f"for j in range({target.shape[axis]}):"):
            x, w, z = (
                f"{sketch.array(place, name)}[{walk.at(k, names)} + j * {place.strides[axis]}]"
                for k, (place, name) in enumerate(zip(places, ("x", "w", "z"), strict=True))
            )
            sketch.put(f"total = {t}({x}) + {t}({w}) * total", f"{z} = total")
    form.emit(sketch)


def _substituted(call: Call, form: Form) -> None:
    """x with a @ x = b, for a triangle of a."""
    options = _options(call, "a", "b", "lower")
    target = form.target(call.results[0])
    lead, (n, columns) = target.shape[:-2], target.shape[-2:]
    a, b = (form.place(options[name]) for name in ("a", "b"))
    a, b = a.spread((*lead, n, n)), b.spread(target.shape)
    sketch, t, lower = Sketch(), target.kind.name, options.get("lower", True)
    with sketch.loops([*lead, columns, n]) as names:
        own, c, k = names[:-2], names[-2], names[-1]
        sketch.put(
            f"r = {k}" if lower else f"r = {n - 1} - {k}", f"total = {t}({sketch.at(b, *own, 'r', c, name='b')})"
        )
        with sketch.block("for q in range(0, r):" if lower else f"for q in range(r + 1, {n}):"):
            known = sketch.at(target, *own, "q", c, name="z")
            sketch.put(f"total = total - {t}({sketch.at(a, *own, 'r', 'q', name='a')}) * {known}")
        sketch.put(
            f"{sketch.at(target, *own, 'r', c, name='z')} = total / {t}({sketch.at(a, *own, 'r', 'r', name='a')})"
        )
    form.emit(sketch)


#: What stands for a ``numpy_function``.
SEQUENCES: dict[Any, Callable[[Call, Form], None]] = {
    recurrent.rnn_forward: _forward,
    recurrent.gru_forward: _forward,
    recurrent.lstm_forward: _forward,
    recurrent.recurrent_backward: _backward,
    attention.attention: _attended,
    attention.attention_back: _attended_back,
    scans.linear_recurrence: _recurrence,
    triangular.substituted: _substituted,
}
