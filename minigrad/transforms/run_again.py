"""One node for a function that is run again for its gradient: what ``checkpoint`` and loops have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad.core.batches import active, inside, within
from minigrad.core.context import again, enable_grad, recorder
from minigrad.core.graph import Leaf, Node, next_order
from minigrad.core.memory import own
from minigrad.core.primitive import primitive
from minigrad.core.stands import shown
from minigrad.core.tensor import Tensor, wrap
from minigrad.core.trees import leaves, mapped
from minigrad.errors import GraphError
from minigrad.transforms.once import Once
from minigrad.transforms.packing import part, starts
from minigrad.transforms.subgraph import Section, stand_in


def as_it_is(x: Any) -> Any:
    """A Tensor or array that stays what it is now, when somebody writes to it; anything else as it is."""
    if not isinstance(x, Tensor):
        return own(x)
    recording = recorder()
    array = own(x._array, False, x._node) if recording is None else recording.saved(x._array, x._node)
    return wrap(array, x._node)


class RunAgain:
    """A function and its arguments, to be run again; the graph's nodes hold it, and it holds none but its parents."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.parents: list[Any] = []
        self.behind: list[Any] = []  # what gradients of the parents are of: the parents, or what leads on to them
        self.batches = active()
        self._order: float = 0
        self._gradients = Once()
        self.last: list[bytes] = []  # the bits of the last run's results; the way back begins with it

    def start_from(self, parents: Sequence[Any]) -> None:
        """Say which nodes gradients are wanted of, in order."""
        self.parents, self.behind = list(parents), list(parents)

    def nodes(self, outputs: Sequence[Tensor]) -> list[Node]:
        """The nodes of the outputs; several are parts of one, so that the function is run again once for all."""
        edges = tuple((parent, _again.op.formulas[0], (i, self)) for i, parent in enumerate(self.parents))
        if len(outputs) == 1:
            nodes = [Node(_again.op, edges, outputs[0].shape, outputs[0].dtype)]
            self._order = nodes[0].order
            return nodes
        packed = (sum(z.size for z in outputs),)
        node = Node(_again.op, edges, packed, np.result_type(*(z.dtype for z in outputs)))
        self._order = node.order
        formula = part.op.formulas[0]
        return [
            Node(part.op, ((node, formula, (packed, start, z.shape)),), z.shape, z.dtype)
            for start, z in zip(starts(outputs), outputs, strict=True)
        ]

    def lead_through(self, others: dict[Any, Any]) -> None:
        """Let the ways to parents lead through other nodes, as the edges of this node do from now on."""
        self.behind = [others.get(behind, behind) for behind in self.behind]

    def gradient(self, g: Any, i: int) -> Any:
        """dL/d(parent number i)."""
        return self._gradients.take(g, i, lambda: self._unchanged_gradients(g))

    def _unchanged_gradients(self, g: Any) -> Any:
        if any(type(parent) is Leaf and parent.was_written(self._order) for parent in self.parents):
            raise GraphError(
                f"data changed between forward and backward: a tensor that the function given to {self.name} uses was "
                "written afterwards (by an optimizer's step, load_state_dict or an assignment to .data), so running it "
                "again would give another result. Call backward() before the change, or run the forward pass again"
            )
        return self.all_gradients(g)

    def carried_back(
        self, call: Callable[[Any], Any], arguments: Any, closures: int, moves: Sequence[Tensor], record: bool
    ) -> list[Tensor]:
        """The gradients of one run of ``call(given)``, given those of its floating results, ``moves``.

        They are with respect to the floating Tensors in ``given``, and to the last ``closures`` of the parents.
        """
        variables: list[Any] = []

        def variable(x: Tensor) -> Tensor:
            if not is_floating(x):
                return x
            variables.append(stand_in(x._node if record else None, x.shape, x.dtype))
            return wrap(x._array, variables[-1])

        arguments = mapped(variable, arguments)
        known = len(self.parents) - closures
        new = {
            parent: stand_in(behind if record else None, parent.shape, parent.dtype)
            for parent, behind in zip(self.parents[known:], self.behind[known:], strict=True)
        }
        start = next_order()
        with again(), enable_grad(), inside(self.batches), within(self.name):
            result = call(arguments)
        if self.last and recorder() is None:
            if bits_of(result) != self.last:
                raise GraphError(
                    f"the function given to {self.name} is not deterministic: run again for the gradient, it gave "
                    "another result. Draw random numbers outside, and pass them as an argument"
                )
            self.last = []  # its answer holds for all
        roots = [z._node for _, z in leaves(result) if is_floating(z)]
        section = Section(roots, start, [*variables, *new.values()], new)
        if any(end not in section.wanted for end in from_outside(section, start)):
            raise GraphError(
                f"the function given to {self.name} uses a tensor that requires a gradient in some runs and not in "
                "the first: its gradient would be lost. Use it in all, or choose with mg.cond or mg.where"
            )
        return section.pull(roots, moves, record=record, retain=record)

    def all_gradients(self, g: Any) -> list[Any]:
        """dL/d(parent) for each, given that of all outputs: as arrays, or as Tensors where ``g`` is one."""
        raise NotImplementedError


def from_outside(section: Section, start: int) -> list[Any]:
    """Where a section ends that was there before ``start``: a leaf that a function makes is its own."""
    return [end for end in section.ends if type(end) is not Leaf or end.made > start]


def ends_of(result: Any, start: int) -> list[Any]:
    """What a function closes over: where the graph of its result ends, which was recorded since ``start``."""
    roots = [z._node for _, z in leaves(result) if z._node is not None]
    return from_outside(Section(roots, start), start) if roots else []


def bits_of(tree: Any) -> list[bytes]:
    """The bits of all leaves."""
    return [np.asarray(shown(z._array)).tobytes() for _, z in leaves(tree)]


def outputs_like(outputs: Sequence[Tensor]) -> list[Tensor]:
    """Tensors of the shapes and dtypes of these, without their memory."""
    return [wrap(np.broadcast_to(np.zeros((), z.dtype), z.shape)) for z in outputs]


def is_floating(x: Any) -> bool:
    """Whether a gradient can lead to a Tensor."""
    return bool(x.dtype.kind in "fc")


_again = primitive(
    lambda *xs, block: block.f(*xs),
    lambda g, i, block: block.gradient(g, i),
    name="checkpoint",
    view=True,
    doc="A function whose graph is recorded again for the gradient.",
)
