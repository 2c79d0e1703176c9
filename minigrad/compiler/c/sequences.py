"""Recurrent layers, attention and scans as loops: see ``minigrad.kernels`` for what they stand for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.compiler.c.elementwise import copied
from minigrad.compiler.c.form import Form
from minigrad.compiler.c.places import Place
from minigrad.compiler.c.sketch import Sketch, Walk
from minigrad.compiler.program import Call
from minigrad.kernels import attention, recurrent, scans, triangular

_REAL = {"f4": "np.float32", "f8": "np.float64"}


def _options(call: Call, *names: str) -> dict[str, Any]:
    return dict(zip(names, call.args, strict=True))


# -- recurrent layers, forward ----------------------------------------------------------------------

_SIGMOID = "{t}(1) / ({t}(1) + {t}_exp(-({x})))"


def _forward(call: Call, form: Form) -> None:
    """All steps of a layer, one sequence after the other in each."""
    cell = {recurrent.rnn_forward: "rnn", recurrent.gru_forward: "gru", recurrent.lstm_forward: "lstm"}[call.function]
    given = _options(call, "p", "state", "weight", "bias", "ended", "rectify" if cell == "rnn" else "keep")
    p, state, weight = form.place(given["p"]), form.place(given["state"]), form.place(given["weight"])
    bias = None if given["bias"] is None else form.place(given["bias"])
    ended = None if given["ended"] is None else form.place(given["ended"])
    z = form.target(call.results[0])
    gates = form.target(call.results[1]) if len(call.results) > 1 else None
    across = form.dense(weight.moved(lambda a: a.T))
    steps, batch, width = p.shape
    n, t = weight.shape[1], p.kind.name
    states = z if cell != "lstm" else z.moved(lambda a: a[0, ...])
    cells = z.moved(lambda a: a[1, ...]) if cell == "lstm" else None
    first = state if cell != "lstm" else state.moved(lambda a: a[0, ...])
    first_cell = state.moved(lambda a: a[1, ...]) if cell == "lstm" else None
    sketch = Sketch()
    sketch.put(f"a = np.empty({width}, {_REAL[t]})", f"h = np.empty({batch * n}, {_REAL[t]})")
    if first_cell is not None:
        sketch.put(f"c = np.empty({batch * n}, {_REAL[t]})")
    with sketch.loops([batch, n]) as (b, j):
        sketch.put(f"h[{b} * {n} + {j}] = {sketch.at(first, b, j, name='state')}")
        if first_cell is not None:
            sketch.put(f"c[{b} * {n} + {j}] = {sketch.at(first_cell, b, j, name='cell')}")
    with sketch.loops([steps, batch], "t") as (s, b):
        with sketch.loops([width]) as (j,):
            sketch.put(f"a[{j}] = {sketch.at(bias, j, name='bias') if bias is not None else f'{t}(0)'}")
        with sketch.loops([n], "k") as (k,):
            sketch.put(f"before = h[{b} * {n} + {k}]")
            with sketch.loops([width]) as (j,):
                sketch.put(f"a[{j}] = a[{j}] + before * {sketch.at(across, k, j, name='across')}")
        with sketch.loops([n]) as (j,):
            shares = [sketch.at(p, s, b, f"{j} + {g * n}", name="p") for g in range(width // n)]
            sums = [f"a[{j} + {g * n}]" for g in range(width // n)]
            place = f"{b} * {n} + {j}"
            kept = _CELLS[cell](sketch, t, shares, sums, place, bool(given.get("rectify")))
            if gates is not None:
                for g, name in enumerate(kept):
                    sketch.put(f"{sketch.at(gates, s, b, str(g), j, name='gates')} = {name}")
            if ended is not None:
                with sketch.block(f"if {sketch.at(ended, s, b, '0', name='ended')}:"):
                    sketch.put(f"new = h[{place}]", *[f"of_cell = c[{place}]"] * (cell == "lstm"))
            sketch.put(f"{sketch.at(states, s, b, j, name='z')} = new", f"h[{place}] = new")
            if cells is not None:
                sketch.put(f"{sketch.at(cells, s, b, j, name='z_cell')} = of_cell", f"c[{place}] = of_cell")
    form.emit(sketch)


def _rnn(sketch: Sketch, t: str, p: list[str], a: list[str], place: str, rectify: bool) -> list[str]:
    del place
    sketch.put(f"new = maximum({p[0]} + {a[0]}, {t}(0))" if rectify else f"new = {t}_tanh({p[0]} + {a[0]})")
    return []


def _gru(sketch: Sketch, t: str, p: list[str], a: list[str], place: str, rectify: bool) -> list[str]:
    del rectify
    sketch.put(
        f"reset = {_SIGMOID.format(t=t, x=f'{p[0]} + {a[0]}')}",
        f"update = {_SIGMOID.format(t=t, x=f'{p[1]} + {a[1]}')}",
        f"inner = {a[2]}",
        f"proposed = {t}_tanh({p[2]} + reset * inner)",
        f"new = (h[{place}] - proposed) * update + proposed",
    )
    return ["reset", "update", "inner", "proposed"]


def _lstm(sketch: Sketch, t: str, p: list[str], a: list[str], place: str, rectify: bool) -> list[str]:
    del rectify
    sketch.put(
        f"enter = {_SIGMOID.format(t=t, x=f'{p[0]} + {a[0]}')}",
        f"forget = {_SIGMOID.format(t=t, x=f'{p[1]} + {a[1]}')}",
        f"leave = {_SIGMOID.format(t=t, x=f'{p[3]} + {a[3]}')}",
        f"value = {t}_tanh({p[2]} + {a[2]})",
        f"of_cell = c[{place}] * forget + value * enter",
        f"new = leave * {t}_tanh(of_cell)",
    )
    return ["enter", "forget", "leave", "value"]


_CELLS: dict[str, Any] = {"rnn": _rnn, "gru": _gru, "lstm": _lstm}


# -- and backward -----------------------------------------------------------------------------------


def _backward(call: Call, form: Form) -> None:
    """The gradients of what goes into the gates, from the last step to the first, and of the first state."""
    given = _options(call, "g", "z", "gates", "state", "weight", "ended", "cell")
    cell, pair = given["cell"], given["cell"] == "lstm"
    g, z, state, weight = (form.place(given[name]) for name in ("g", "z", "state", "weight"))
    gates = None if given["gates"] is None else form.place(given["gates"])
    ended = None if given["ended"] is None else form.place(given["ended"])
    pulled, first = (form.target(x) for x in call.results)
    steps, batch, n = z.shape[-3:]
    count, rows, t = pulled.shape[-1] // n, weight.shape[0], z.kind.name

    def half(x: Place, i: int) -> Place:
        return x.moved(lambda a: a[i, ...]) if pair else x

    g_h, first_h = half(g, 0), half(first, 0)
    sketch = Sketch()
    sketch.put(f"d = np.empty({n}, {_REAL[t]})")
    copied(form, 0, first)
    with sketch.loops([steps, batch], "q") as (q, b):
        sketch.put(f"t = {steps - 1} - {q}")
        with sketch.loops([n]) as (j,):
            carried = sketch.at(first_h, b, j, name="first")
            sketch.put(f"dh = {sketch.at(g_h, 't', b, j, name='g')} + {carried}")
            for i, name in enumerate(["before", "c_before"] if pair else ["before"]):
                sketch.put(f"{name} = {sketch.at(half(state, i), b, j, name='state')}")
                with sketch.block("if t > 0:"):
                    sketch.put(f"{name} = {sketch.at(half(z, i), 't - 1', b, j, name='z')}")
            kept = [sketch.at(gates, "t", b, str(k), j, name="gates") for k in range(4)] if gates is not None else []
            if pair:
                of_cell = sketch.at(half(first, 1), b, j, name="first_cell")
                sketch.put(f"dc = {sketch.at(half(g, 1), 't', b, j, name='g_cell')} + {of_cell}")
            after = sketch.at(half(z, int(pair)), "t", b, j, name="z_cell" if pair else "z")
            sketch.put(*[line.format(*kept, t=t, after=after) for line in _BACK[cell]])
            if ended is not None:
                with sketch.block(f"if {sketch.at(ended, 't', b, '0', name='ended')}:"):
                    sketch.put(*[f"pulled{k} = {t}(0)" for k in range(count)], f"onward = {t}(1)")
                    if pair:
                        sketch.put(f"dc = {sketch.at(half(g, 1), 't', b, j, name='g_cell')} + {of_cell}")
            for k in range(count):
                sketch.put(f"{sketch.at(pulled, 't', b, f'{j} + {k * n}', name='pulled')} = pulled{k}")
            sketch.put(f"d[{j}] = dh * onward")
            if pair:
                sketch.put(f"{of_cell} = dc")
        with sketch.loops([rows], "r") as (r,):
            sketch.put(f"share = {sketch.at(pulled, 't', b, r, name='pulled')}")
            with sketch.loops([n]) as (j,):
                sketch.put(f"d[{j}] = d[{j}] + share * {sketch.at(weight, r, j, name='weight')}")
        with sketch.loops([n]) as (j,):
            sketch.put(f"{sketch.at(first_h, b, j, name='first')} = d[{j}]")
    form.emit(sketch)


_BACK: dict[str, tuple[str, ...]] = {
    "rnn_tanh": ("pulled0 = dh * ({t}(1) - {after} * {after})", "onward = {t}(0)"),
    "rnn_relu": ("pulled0 = dh if {after} != 0 else {t}(0)", "onward = {t}(0)"),
    "gru": (
        "reset = {0}",
        "update = {1}",
        "new = {3}",
        "of_new = ({t}(1) - update) * ({t}(1) - new * new)",
        "pulled0 = dh * (of_new * {2} * (reset * ({t}(1) - reset)))",
        "pulled1 = dh * ((before - new) * (update * ({t}(1) - update)))",
        "pulled2 = dh * (of_new * reset)",
        "pulled3 = dh * of_new",
        "onward = update",
    ),
    "lstm": (
        "enter = {0}",
        "forget = {1}",
        "leave = {2}",
        "value = {3}",
        "shown = {t}_tanh({after})",
        "dc = dc + dh * (leave * ({t}(1) - shown * shown))",
        "pulled0 = dc * (value * enter * ({t}(1) - enter))",
        "pulled1 = dc * (c_before * forget * ({t}(1) - forget))",
        "pulled2 = dc * (enter * ({t}(1) - value * value))",
        "pulled3 = dh * (shown * leave * ({t}(1) - leave))",
        "dc = dc * forget",
        "onward = {t}(0)",
    ),
}


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


def _spread(form: Form, given: dict[str, Any], *names: str) -> tuple[dict[str, Any], tuple[int, ...]]:
    """The arrays with all leading axes, and these."""
    found = {name: form.place(given[name]) for name in names if given[name] is not None}
    lead = np.broadcast_shapes(*[x.shape[:-2] for x in found.values()])
    made = {name: x.spread((*lead, *x.shape[-2:])) for name, x in found.items()}
    if "mask" in made:
        shape = (*lead, made["query"].shape[-2], made["key"].shape[-2])
        made["mask"] = made["mask"].spread(shape)
    return made, lead


def _attended(call: Call, form: Form) -> None:
    given = _options(call, "query", "key", "value", "mask", "causal", "scale")
    places, lead = _spread(form, given, "query", "key", "value", "mask")
    z, logs = (form.target(x) for x in call.results)
    queries, wide, t = z.shape[-2], z.shape[-1], z.kind.name
    sketch = Sketch()
    sketch.put(f"row = np.empty({max(places['key'].shape[-2], 1)}, {_REAL[t]})")
    with sketch.loops([*lead, queries]) as names:
        lead_names, i = names[:-1], names[-1]
        _scores(sketch, places, lead_names, i, given["causal"], given["scale"])
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
    given = _options(call, "g", "z", "logs", "query", "key", "value", "mask", "causal", "scale")
    places, lead = _spread(form, given, "g", "z", "logs", "query", "key", "value", "mask")
    packed = form.target(call.results[0])
    copied(form, 0, packed)
    sizes = [places[name].shape[-2:] for name in ("query", "key", "value")]
    t, scale = packed.kind.name, given["scale"]
    parts, start = [], 0
    for rows, columns in sizes:
        part = packed.moved(lambda a, i=start, k=start + rows * columns: a[..., i:k])
        parts.append(part.of((*lead, rows, columns), (*part.strides[:-1], columns, 1)))
        start += rows * columns
    (queries, deep), wide = sizes[0], sizes[2][1]
    sketch = Sketch()
    sketch.put(f"row = np.empty({max(sizes[1][0], 1)}, {_REAL[t]})")
    with sketch.loops([*lead, queries]) as names:
        own, i = names[:-1], names[-1]
        _scores(sketch, places, own, i, given["causal"], scale)
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
    given = _options(call, "x", "w", "axis")
    target = form.target(call.results[0])
    axis = given.get("axis", -1) % len(target.shape)
    places = [form.place(given[name]).spread(target.shape) for name in ("x", "w")] + [target]
    kept = [a for a in range(len(target.shape)) if a != axis]
    parts = [x.of(tuple(x.shape[a] for a in kept), tuple(x.strides[a] for a in kept)) for x in places]
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
    given = _options(call, "a", "b", "lower")
    target = form.target(call.results[0])
    lead, (n, columns) = target.shape[:-2], target.shape[-2:]
    a, b = (form.place(given[name]) for name in ("a", "b"))
    a, b = a.spread((*lead, n, n)), b.spread(target.shape)
    sketch, t, lower = Sketch(), target.kind.name, given.get("lower", True)
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
