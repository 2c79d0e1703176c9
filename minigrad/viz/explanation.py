"""``explain(loss, w)``: the gradient of a step as a sum over the ways that lead to it, with the numbers of the step."""

from __future__ import annotations

import html
import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from minigrad.core.batches import active
from minigrad.core.context import phase, recorder
from minigrad.core.graph import Leaf, leading_to, walk
from minigrad.core.tensor import Tensor
from minigrad.errors import AnomalyError, BatchError, CompileError, DTypeError, GraphError
from minigrad.support.idioms import told
from minigrad.viz.formula_text import formula_text
from minigrad.viz.nodes import edges_of, labels, line_of, nodes_below
from minigrad.viz.page import Page
from minigrad.viz.ways import Place, Search

#: The ways that are listed; all others are one line, the rest.
LISTED = 10
#: The longest name of a way, and the longest formula, in characters.
_NAME, _FORMULA = 96, 46


class Step(NamedTuple):
    """One derivative of a way: of ``above`` with respect to ``below``.

    ``derivative`` is a number where the way is one of elements, else None. ``gradient`` is dL/d(below) on this way.
    ``formula`` is the formula's text, ``line`` the line of your code that made ``above``, where it is known.
    """

    above: str
    below: str
    derivative: float | None
    gradient: Any
    formula: str
    line: str


class Way(NamedTuple):
    """One product of the chain rule: what it contributes to the gradient, its share of it, and its steps."""

    part: Any
    share: float
    steps: tuple[Step, ...]

    @property
    def name(self) -> str:
        """The places it leads through, from the loss down."""
        names = [self.steps[0].above, *(step.below for step in self.steps)] if self.steps else ["the loss itself"]
        text = " <- ".join(names)
        while len(text) > _NAME and len(names) > 3:
            del names[len(names) // 2]
            text = " <- ".join([*names[: len(names) // 2], "...", *names[len(names) // 2 :]])
        return text

    def __str__(self) -> str:
        rows = [("1", f"d {self.name.partition(' <- ')[0]} / d itself", "", "")]
        for step in self.steps:
            size = f"{step.derivative:.6g}" if step.derivative is not None else f"|g| {_norm(step.gradient):.4g}"
            times = "× " if step.derivative is not None else ""
            rows.append((times + size, f"d {step.above} / d {step.below}", _cut(step.formula, _FORMULA), step.line))
        wide = [max(len(row[column]) for row in rows) for column in range(3)]
        return "\n".join(
            f"  {row[0]:>{wide[0]}}  {row[1]:{wide[1]}}  {row[2]:{wide[2]}}  {row[3]}".rstrip() for row in rows
        )


#: A page of an explanation: the colours are those that the reader's system has, light or dark.
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1rem/1.5 system-ui, sans-serif; margin: 1.5rem auto; max-width: 72rem; padding: 0 1rem; }}
table {{ border-collapse: collapse; display: block; overflow-x: auto; }}
td, th {{ border-bottom: 1px solid #8886; padding: 0.25rem 0.6rem; text-align: right; vertical-align: top;
  white-space: nowrap; }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


class Explanation(Page):
    """What ``explain`` found: ``gradient``, the largest ``ways``, and what the others add.

    ``parts`` are the parts of the ways, the ``rest`` of all other ways and what the ``rounding`` of floats lost. Added
    up in float64, in this order, they are ``gradient`` exactly. A notebook and ``print`` show all of it, and
    ``save("why.html")`` writes it as a page, where each way opens.

    >>> w = mg.tensor([1.0, 2.0], requires_grad=True)
    >>> explanation = mg.explain((w * w).sum(), w[1])
    >>> float(explanation.gradient)
    4.0
    """

    def __init__(self, target: str, gradient: Any, ways: list[Way], rest: Any, others: str, ends: set[str]) -> None:
        super().__init__("where a gradient comes from")
        self.target = target
        self.gradient = gradient
        self.ways = ways
        self.rest = rest
        self.others = others
        self.ends = ends
        self.rounding = _difference(gradient, [*(way.part for way in ways), rest])
        if np.any(_difference(gradient, self.parts)):  # more was lost than is left: two floats can say so, one cannot
            self.rest = rest + self.rounding
            self.rounding = _difference(gradient, [*(way.part for way in ways), self.rest])

    @property
    def parts(self) -> list[Any]:
        """What adds up to the gradient: a number or an array for each way, the rest, the rounding."""
        return [*(way.part for way in self.ways), self.rest, self.rounding]

    def _rows(self) -> Iterator[tuple[str, str, str]]:
        """(share, part, name) of each line of the sum."""
        for way in self.ways:
            yield _percent(way.share), _number(way.part), way.name
        if self.others or np.any(self.rest):
            name = f"the rest: {self.others or 'what rounding took'}"
            yield _percent(_share(self.rest, self.gradient)), _number(self.rest), name
        if np.any(self.rounding):
            yield "", _number(self.rounding), "rounding"

    @property
    def _head(self) -> str:
        size = (
            f"{self.gradient!r}" if isinstance(self.gradient, float) else f"an array, |g| = {_norm(self.gradient):.6g}"
        )
        name = self.target if self.target.partition("[")[0].isidentifier() else f" {self.target}"
        if not self.ways:
            return f"dL/d{name} = {size}: no way leads there{self._cuts}"
        count = "one way" if len(self.ways) == 1 else f"{len(self.ways)} ways"
        return f"dL/d{name} = {size}: {f'the largest {count}, and the rest' if self.others else count}"

    @property
    def _cuts(self) -> str:
        names = ", ".join(sorted(self.ends))
        return f", since a derivative on each way is 0: that of {names}" if names else ""

    def __str__(self) -> str:
        rows = [("share", "part", "from the loss down to it"), *self._rows()]
        if not self.ways:
            return self._head
        wide = [max(len(row[column]) for row in rows) for column in range(2)]
        lines = [f"  {share:>{wide[0]}}  {part:>{wide[1]}}  {name}" for share, part, name in rows]
        return "\n".join([self._head, "", *lines, "", "the first way, step by step", str(self.ways[0])])

    __repr__ = __str__

    @property
    def html(self) -> str:
        """The page, which needs nothing else."""
        return _PAGE.format(title=self.title, body=self._repr_html_())

    def _repr_html_(self) -> str:
        """The same as tables, each way to be opened."""
        head = f"<p><b>{html.escape(self._head)}</b></p>"
        if not self.ways:
            return f"{head}<p>{html.escape(self._cuts)}</p>"
        rows = []
        for number, (share, part, name) in enumerate(self._rows()):
            text = html.escape(name)
            if number < len(self.ways):
                steps = html.escape(str(self.ways[number]))
                text = f"<details><summary>{text}</summary><pre>{steps}</pre></details>"
            rows.append(f"<tr><td>{share}</td><td>{part}</td><td style='text-align: left'>{text}</td></tr>")
        names = "<tr><th>share</th><th>part</th><th style='text-align: left'>from the loss down to it</th></tr>"
        return f"{head}<table>{names}{''.join(rows)}</table>"


@told
def explain(loss: Tensor, w: Tensor, model: Any = None) -> Explanation:
    """The gradient of ``loss`` with respect to ``w`` as the sum of the ways that lead to it: the chain rule in numbers.

    ``w`` is a tensor that ``loss`` was computed from, or some of one, such as ``w[3, 1]``. Of one number, each way is a
    product of derivatives from element to element; of an array, each is an array, and its share is that of the
    gradient's squared length. The largest ways that the search finds are listed, all others are one line. The graph
    stays. With ``model``, or anything else that has ``named_parameters()``, parameters have their names; without it
    the tensor is called w. Lines of your code are shown where the graph was made inside ``mg.detect_anomaly()``.

    >>> w = mg.tensor([1.0, 2.0], requires_grad=True)
    >>> loss = (w * w).sum() + 3 * w[1]
    >>> loss.explain(w[1])
    dL/dw[1] = 7.0: 2 ways
    <BLANKLINE>
      share  part  from the loss down to it
     57.1 %     4  add <- sum <- multiply 1[1] <- w[1]
     42.9 %     3  add <- multiply 2 <- getitem <- w[1]
    <BLANKLINE>
    the first way, step by step
        1  d add / d itself
      × 1  d add / d sum               g
      × 1  d sum / d multiply 1[1]     spread(g, a_shape, axis)
      × 4  d multiply 1[1] / d w[1]    g * y + g * x

    Raises ``GraphError`` where no way leads from the loss to ``w`` and for a graph that was freed, ``DTypeError`` for
    anything but a real tensor, ``AnomalyError`` for a gradient that is not finite.
    """
    _check(loss, w)
    target, chosen = _target(loss, w)
    route, _ = leading_to({target}, [loss._node])
    seed = loss._seed(None)
    with phase("backward"):
        whole = np.asarray(walk({loss._node: seed}, retain=True, wanted={target}, route=route)[target])
    gradient = np.where(chosen, whole, 0).astype(np.float64)
    if not np.isfinite(gradient).all():
        raise AnomalyError(
            "explain(loss, w): the gradient is not finite, and has no parts: mg.detect_anomaly() around the forward "
            "and backward pass says which operation made it so"
        )
    one = np.count_nonzero(chosen) == 1
    element = tuple(int(i) for i in np.argwhere(chosen)[0]) if one else None
    direction = np.where(chosen, 1 if one else whole, 0).astype(target.dtype)
    search = Search(loss._node, target, route, direction, element)
    known = {target: "w", **({p._node: name for name, p in model.named_parameters()} if model is not None else {})}
    names = labels(nodes_below(loss._node), known)
    all_ways = [_way(place, names, chosen, gradient) for place in search.ways()]
    all_ways.sort(key=lambda way: -abs(way.part if one else way.share))
    ways = all_ways[:LISTED]
    total = gradient[element].item() if element is not None else gradient
    listed = [way.part for way in ways]
    others = all_ways[LISTED:]
    rest: Any = 0.0 * total
    if not search.complete:
        rest = _difference(total, listed)
    elif others:
        for way in others:
            rest = rest + way.part
    count = f"{len(others)} ways" if others else ""
    if not search.complete:
        count = f"{len(others)} ways that were followed, and others"
    return Explanation(_named(known[target], chosen, element), total, ways, rest, count, search.ends)


def _check(loss: Any, w: Any) -> None:
    """Raise what ``explain`` says it raises of its arguments alone."""
    for name, x in (("loss", loss), ("w", w)):
        if not isinstance(x, Tensor):
            raise DTypeError(
                f"explain(loss, w): expected a Tensor as {name}, got {type(x).__name__}; w is one weight, or some of "
                "one, such as model[0].weight[3, 1]"
            )
        if x.dtype.kind == "c":
            raise DTypeError(f"explain(loss, w): {name} is complex: explain its real or its imaginary part")
    if recorder() is not None:
        raise CompileError("explain(loss, w) inside a function that mg.compile records: call the function as it is")
    if active():
        raise BatchError("explain(loss, w) inside of vmap: explain one member, outside of it")
    if loss._node is None:
        raise GraphError(
            "explain(loss, w): the loss has no graph: it was computed under no_grad, or nothing that it was computed "
            "from requires a gradient; of a frozen model write model.requires_grad_(True), and compute it again"
        )
    if loss.size != 1:
        raise GraphError(
            f"explain(loss, w): the loss is one number, this one has shape {loss.shape}: explain its sum, its mean, or "
            "one element of it"
        )
    if w._node is None:
        raise GraphError(
            "explain(loss, w): w requires no gradient, so no way leads to it: write weight.requires_grad = True for a "
            "frozen weight, or mg.tensor(..., requires_grad=True), and compute the loss again"
        )


def _target(loss: Tensor, w: Tensor) -> tuple[Any, np.ndarray]:
    """The node to explain, and which elements of it: w's own, or the tensor of the graph that w was read from."""
    below = set(nodes_below(loss._node))
    for node in below:
        if not isinstance(node, Leaf) and node.edges is None:
            raise GraphError(
                "explain(loss, w): backward() has freed the graph: explain before it, or call "
                "backward(retain_graph=True)"
            )
    node = w._node
    chosen: Any = np.ones(w.shape, w.dtype)
    while node not in below:
        edges = edges_of(node)
        if len(edges) != 1 or not (node.op.view or node.op.name == "getitem"):
            raise GraphError(
                "explain(loss, w): the loss does not depend on w: no way leads to it. Explain a tensor that the loss "
                "was computed from, or elements of one: loss.explain(w[3, 1]). If w was frozen, compute the loss again"
            )
        [(node, formula, saved)] = edges
        chosen = np.asarray(formula(chosen[()], *saved))
    return node, chosen != 0


def _way(place: Place, names: dict[Any, str], chosen: np.ndarray, gradient: np.ndarray) -> Way:
    """A way for people."""
    trail = place.trail()
    steps = []
    for above, below in itertools.pairwise(trail):
        derivative = None
        if below.element is not None and above.gradient.dtype.kind == below.gradient.dtype.kind == "f":
            derivative = float(below.gradient) / float(above.gradient)
        formulas = [formula_text(formula) for parent, formula, _ in edges_of(above.node) if parent is below.node]
        steps.append(
            Step(
                _at(names[above.node], above.element),
                _at(names[below.node], below.element),
                derivative,
                below.gradient,
                " + ".join(formulas),
                line_of(above.node),
            )
        )
    part: Any = (
        float(place.gradient) if place.element is not None else np.where(chosen, place.gradient, 0).astype(float)
    )
    return Way(part, _share(part, gradient if place.element is None else float(gradient[place.element])), tuple(steps))


def _difference(gradient: Any, parts: list[Any]) -> Any:
    """What is missing from the sum of the parts, added up in their order."""
    total: Any = 0.0 * gradient
    for part in parts:
        total = total + part
    return gradient - total


def _share(part: Any, gradient: Any) -> float:
    """A part's share of the gradient: of an array, of its squared length."""
    whole = float(np.sum(gradient * gradient))
    return float(np.sum(part * gradient)) / whole if whole else float("nan")


def _named(name: str, chosen: np.ndarray, element: tuple[int, ...] | None) -> str:
    if element is not None:
        return _at(name, element)
    count = np.count_nonzero(chosen)
    return name if count == chosen.size else f"{name}[{count} of {chosen.size} elements]"


def _at(name: str, index: tuple[int, ...] | None) -> str:
    return f"{name}[{', '.join(map(str, index))}]" if index else name


def _norm(x: Any) -> float:
    return float(np.linalg.norm(np.asarray(x).reshape(-1)))


def _number(part: Any) -> str:
    return f"{part:.6g}" if isinstance(part, float) else f"|.| {_norm(part):.4g}"


def _percent(share: float) -> str:
    if np.isnan(share):
        return ""
    return f"{100 * share:.1f} %" if abs(share) >= 0.001 or not share else f"{100 * share:.1g} %"


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 3] + "..."
