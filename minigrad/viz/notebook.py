"""How tensors, modules, histories and operations show themselves in a notebook: tables and small pictures, as HTML.

Nothing here needs a script, another package or a network, and the colours are readable on light and on dark pages.
"""

from __future__ import annotations

import base64
import html
import inspect
import math
import struct
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from minigrad.core.graph import Node
from minigrad.core.table import Op
from minigrad.errors import StateError
from minigrad.nn.lazy import UNMADE
from minigrad.nn.parameter import Parameter
from minigrad.viz.curves import LEFT_OUT, columns_of, is_curve
from minigrad.viz.formula_text import domain_text, formula_texts
from minigrad.viz.summaries import summary

#: A table shows its numbers up to this many rows and columns; a history this many of its epochs.
CELLS, EPOCHS = 8, 10
#: Above 0 and below it, as red, green and blue; what is not finite.
ABOVE, BELOW, BAD = (225, 95, 10), (20, 110, 200), (200, 0, 160)
_LEFT = "text-align: left"


def tensor_html(tensor: Any) -> str | None:
    """A tensor as its numbers, or as a heat map with its range, and the gradient beside it; None inside of vmap."""
    data = tensor._array
    if not isinstance(data, (np.ndarray, np.generic)) or getattr(data, "batch", None) is not None:
        return None
    array = np.asarray(data)
    parts = [f"shape {array.shape}", str(array.dtype)]
    if isinstance(tensor._node, Node):
        parts.append(f"made by {tensor._node.op.name}")
    elif tensor.requires_grad:
        parts.append("requires a gradient")
    shown = [("", array)]
    gradient = None if isinstance(tensor._node, Node) else tensor.grad
    if gradient is not None:
        shown.append(("gradient", np.asarray(getattr(gradient, "_array", gradient))))
    cells = "".join(
        f"<td style='vertical-align: top; {_LEFT}'>{f'{name}<br>' if name else ''}{array_html(values)}</td>"
        for name, values in shown
    )
    title = html.escape(f"{type(tensor).__name__}: {', '.join(parts)}")
    return f"<table><caption style='{_LEFT}'>{title}</caption><tr>{cells}</tr></table>"


def array_html(array: np.ndarray) -> str:
    """A number, a small table of numbers, or a heat map and what its numbers are like."""
    if not array.size:
        return "no elements"
    if not array.ndim:
        return f"<code>{html.escape(_number(array.item()))}</code>"
    plane = array.reshape(-1, array.shape[-1])
    if array.ndim <= 2 and max(plane.shape) <= CELLS:
        return _numbers(plane)
    facts = summary(array)
    lines = [f"{facts['bad']} of {facts['n']} are not finite"] if facts["bad"] else []
    if "map" in facts:
        wide, high = facts["w"], facts["h"]
        size = f"width: {min(20 * wide, 320)}px; height: {min(20 * high, 320)}px"
        part = "" if wide * high == facts["n"] else f", {high} × {wide} of {plane.shape[0]} × {plane.shape[1]}"
        said = f"heat map{part}: orange is up to {facts['top']}, blue down to -{facts['top']}"
        lines.append(f"<img src='{_heat_map(facts)}' alt='{said}' title='{said}' style='{size}; {_PIXELS}'>")
        lines.append(f"{facts['lo']} to {facts['hi']}, mean {facts['mean']}, norm {facts['norm']}")
    return "<br>".join(lines)


_PIXELS = "image-rendering: pixelated; border: 1px solid #8886"


def _numbers(plane: np.ndarray) -> str:
    top = float(np.max(np.abs(plane[np.isfinite(plane)]), initial=0)) or 1.0
    rows = []
    for row in plane:
        cells = []
        for value in row:
            share = float(np.real(value)) / top
            red, green, blue = (ABOVE if share > 0 else BELOW) if math.isfinite(share) else BAD
            strength = 0.45 * min(abs(share), 1.0) if math.isfinite(share) else 0.45
            look = f"background: rgba({red}, {green}, {blue}, {strength:.2f}); text-align: right"
            cells.append(f"<td style='{look}'>{html.escape(_number(value.item()))}</td>")
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table>{''.join(rows)}</table>"


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, (float, complex)) else str(value)


def _heat_map(facts: dict[str, Any]) -> str:
    """The map of a summary as a PNG: the further from 0, the less transparent."""
    raw = np.frombuffer(base64.b64decode(facts["map"]), np.uint8).reshape(facts["h"], facts["w"])
    place = (raw.astype(int) - 128) / 127
    pixels = np.empty((*raw.shape, 4), np.uint8)
    pixels[..., :3] = np.where((place >= 0)[..., None], ABOVE, BELOW)
    pixels[..., 3] = np.rint(np.abs(place).clip(0, 1) * 255)
    pixels[raw == 0] = (*BAD, 255)
    lines = b"".join(b"\0" + row.tobytes() for row in pixels)

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", facts["w"], facts["h"], 8, 6, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def module_html(model: Any) -> str:
    """A module as a table: a row for each module inside, with its options and its own parameters."""
    rows, count, frozen = [], 0, 0
    counted: set[int] = set()
    complete = True
    for name, module in model.named_modules():
        own, whole = _own_parameters(module)
        complete &= whole
        new = [parameter for _, parameter in own if id(parameter) not in counted]
        counted |= {id(parameter) for parameter in new}
        size = sum(parameter.size for parameter in new)
        count += size
        frozen += sum(parameter.size for parameter in new if not parameter.requires_grad)
        shapes = [f"{one} {parameter.shape}" for one, parameter in own] + ["more by the first call"] * (not whole)
        text = f"{type(module).__name__}({module.extra_repr()})"
        rows.append((name or "(model)", text, ", ".join(shapes), f"{size:,}" if own else ""))
    caption = f"{type(model).__name__}: {'' if complete else 'until its first call '}{count:,} parameters"
    caption += f", {frozen:,} of them frozen" if frozen else ""
    return _table(caption, ("module", "type", "own parameters", "numbers"), rows)


def _own_parameters(module: Any) -> tuple[list[tuple[str, Any]], bool]:
    """(name, parameter) of those that belong to no module inside, and whether none is left to the first call."""
    if any(value is UNMADE for value in vars(module).values()):
        return [(name, value) for name, value in vars(module).items() if isinstance(value, Parameter)], False
    try:
        named = module.named_parameters()
    except StateError:  # a module inside waits for its first call
        return [(name, value) for name, value in vars(module).items() if isinstance(value, Parameter)], True
    inside = tuple(f"{name}." for name, _ in module.named_modules()[1:])
    return [(name, parameter) for name, parameter in named if not name.startswith(inside)], True


def history_html(history: Any) -> str:
    """A history as a table of its first and last epochs, with the curve of each column."""
    columns = columns_of(history)
    if not columns:
        return "<p>History: no epoch yet</p>"
    length = len(history)
    chosen = list(range(length)) if length <= EPOCHS else [0, *range(length - EPOCHS + 1, length)]
    rows: list[tuple[str, ...]] = []
    for before, number in zip([-1, *chosen], chosen, strict=False):
        if number != before + 1:
            rows.append(tuple("⋮" for _ in columns))
        rows.append(tuple(_record(history.records[number].get(name)) for name in columns))
    curves = [_curve(values) if name not in LEFT_OUT and is_curve(values) else "" for name, values in columns.items()]
    return _table(f"History of {length} epochs", tuple(columns), rows, curves)


def _record(value: Any) -> str:
    if value is None:
        return ""
    return f"array {value.shape}" if isinstance(value, np.ndarray) and value.ndim else _number(np.asarray(value).item())


def _curve(values: Any) -> str:
    """A small line through the finite values."""
    numbers = np.asarray(values, np.float64)
    places = np.flatnonzero(np.isfinite(numbers))
    if len(places) < 2:
        return ""
    few = places[np.linspace(0, len(places) - 1, min(len(places), 100)).round().astype(int)]
    finite = numbers[few]
    span = (finite.max() - finite.min()) or 1.0
    x, y = 2 + 96 * few / max(few[-1], 1), 26 - 24 * (finite - finite.min()) / span
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    said = f"from {finite[0]:.4g} to {finite[-1]:.4g}"
    line = f"<polyline points='{points}' fill='none' stroke='currentColor' stroke-width='1.5'/>"
    return f"<svg width='100' height='28' role='img' aria-label='{said}'>{line}</svg>"


def op_html(op: Op) -> str:
    """An operation: what it computes, the formula of the gradient of each argument, and where it is smooth."""
    call = f"{op.name}({', '.join(op.arguments + op.statics)})"
    said = html.escape(" ".join(inspect.cleandoc(op.doc).split("\n\n")[0].split()))
    rows = [(f"d{argument}", text) for argument, text in formula_texts(op)]
    table = _table(call, ("gradient of", "formula: g is that of the output, z the output"), rows, code=True)
    return f"{table}<p>{said}{'<br>' if said else ''}smooth for {html.escape(domain_text(op.domain, op.arguments))}</p>"


def _table(
    caption: str, names: Sequence[str], rows: Iterable[Sequence[str]], pictures: Sequence[str] = (), code: bool = False
) -> str:
    """A table of text; ``pictures`` are HTML in a row of their own, below the names."""

    def row(kind: str, cells: Iterable[str]) -> str:
        return "<tr>" + "".join(f"<{kind} style='{_LEFT}'>{cell}</{kind}>" for cell in cells) + "</tr>"

    head = row("th", map(html.escape, names)) + (row("td", pictures) if any(pictures) else "")
    frame = "<code>{}</code>" if code else "{}"
    body = "".join(row("td", (frame.format(html.escape(cell)) for cell in cells)) for cells in rows)
    title = f"<caption style='{_LEFT}'>{html.escape(caption)}</caption>"
    return f"<table>{title}<thead>{head}</thead><tbody>{body}</tbody></table>"
