"""``copy.copy`` and ``copy.deepcopy`` of a tensor: a step of the function that runs, or a tensor of its own.

Inside a function that is differentiated, compiled or run for many members, a copy is ``x.copy()``, as it is for arrays:
its gradient goes on to x. Elsewhere the copy of a leaf is a new leaf, so that a copied model trains on its own.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from minigrad.core.context import differentiating, recorder, refusing
from minigrad.core.detachment import PICKLED, refuse_inside
from minigrad.core.graph import Node
from minigrad.core.library_calls import instead
from minigrad.errors import CompileError, GraphError

if TYPE_CHECKING:
    from minigrad.core.tensor import Tensor


class Copies:
    """What Python's module ``copy`` asks of a Tensor."""

    __slots__ = ()

    _array: Any
    _node: Any

    def __copy__(self) -> Tensor:
        # Nothing but the tensor is copied, so what is computed has one meaning everywhere.
        if isinstance(self._node, Node) or self._is_step():
            return self.copy()  # type: ignore[attr-defined,no-any-return]
        twin, attributes = self._apart()
        vars(twin).update(attributes) if attributes else None
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if self._is_step():
            return self.copy()  # type: ignore[attr-defined,no-any-return]
        twin, attributes = self._apart()
        memo[id(self)] = twin  # an attribute may lead back to it
        vars(twin).update(copy.deepcopy(attributes, memo)) if attributes else None
        return twin

    def _is_step(self) -> bool:
        """Whether a copy belongs to the function that runs here, and not to the model that somebody copies."""
        if getattr(self._array, "batch", None) is not None:
            return True
        if self._node is not None:
            return isinstance(refusing(), differentiating)
        return recorder() is not None

    def _apart(self) -> tuple[Tensor, dict[str, Any] | None]:
        """A tensor of the same kind and numbers, as a pickle would give it, and the attributes it is to have."""
        pickled: Any = self.__reduce__()
        restored, arguments, attributes = pickled
        return restored(*arguments), attributes


def check_copied(x: Any) -> None:
    """Raise for a tensor whose copy, by ``copy`` or ``pickle``, would be without what led to it.

    Raises ``GraphError`` for a computed tensor, and for one with a gradient inside a function that is differentiated;
    ``CompileError`` in a compiled step.
    """
    if isinstance(x._node, Node):
        what = instead("write x.copy() to keep the gradient, x.detach() to lose it")
        raise GraphError(f"a computed tensor cannot be copied together with its graph: {what}")
    refuse_inside(PICKLED, x._node)
    if recorder() is not None:
        raise CompileError(
            "mg.compile: a leaf is copied (copy.deepcopy) or a tensor pickled in the step, and a program would keep "
            "the first copy: do so outside of the compiled function"
        )
