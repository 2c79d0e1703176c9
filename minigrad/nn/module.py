"""``Module``: a model is an object whose attributes are parameters, buffers and other modules.

Nothing is registered: parameters are found by walking the attributes, in the order in which they
were assigned, also inside lists, tuples, dicts and dataclasses. So ``super().__init__()`` is not needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from types import NoneType
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar

import numpy as np

from minigrad.core.checks import check_flags, flag
from minigrad.core.context import mode, recorder
from minigrad.core.graph import Node
from minigrad.core.inplace import assign, seen
from minigrad.core.tensor import Tensor
from minigrad.errors import CompileError, MinigradError, StateError
from minigrad.nn.class_attributes import refuse_shared
from minigrad.nn.lazy import UNMADE, Unmade, require_made
from minigrad.nn.loading import fitting
from minigrad.nn.members import Apart, members_in
from minigrad.nn.parameter import Buffer, Parameter
from minigrad.nn.penalties import regularization_loss
from minigrad.support.idioms import TABLES, check_options, closest, refuse_keywords, said, told

if TYPE_CHECKING:
    from minigrad.nn.summary import Summary

__all__ = ["Module"]

T = TypeVar("T")
MODULE = TABLES["Module"]
_SWITCHES = frozenset({"requires_grad", "trainable"})  # of a whole model elsewhere
_ROOM = __name__.removesuffix("module")


class ParameterList(list[Parameter]):
    """Parameters, with the names under which their model knows them."""

    def __init__(self, named: list[tuple[str, Parameter]]) -> None:
        super().__init__(parameter for _, parameter in named)
        self.names = [name for name, _ in named]


class Module:
    """The base of all layers and models. A subclass defines ``forward``; calling it runs that.

    >>> class Classifier(nn.Module):
    ...     def __init__(self):
    ...         self.hidden = nn.Linear(2, 64)
    ...         self.output = nn.Linear(64, 3)
    ...     def forward(self, x):
    ...         return self.output(self.hidden(x).relu())
    >>> [name for name, _ in Classifier().named_parameters()]
    ['hidden.weight', 'hidden.bias', 'output.weight', 'output.bias']
    """

    training: bool = True

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The computation of this module; every subclass defines it."""
        close = closest("forward", [name for name in dir(type(self)) if name != "forward"])
        hint = f"; it defines {close!r}, which may be meant" if close else ""
        raise NotImplementedError(f"{type(self).__name__} defines no forward(self, x){hint}")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run ``forward``; an error that comes out of it names the layer it came through."""
        try:
            if mode() is Node or (recording := recorder()) is None:
                return self.forward(*args, **kwargs)
            with recording.layer(self):
                return self.forward(*args, **kwargs)
        except MinigradError as error:
            innermost = error.layer is None
            self._name_layer(error)
            if innermost and args and args[0] is None:
                error.layer = f"{error.layer}, which was given None: does the forward before it return its result?"
            raise

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        refuse_shared(cls, Module)

    def __new__(cls, *args: Any, **options: Any) -> Self:
        """A new module; an option of another framework that it does not take is refused with what to write."""
        if args or options:
            check_options(cls, args, options)
            if cls.__init__.__module__.startswith(_ROOM):  # what a user's own class takes is its own affair
                check_flags(cls.__name__, cls.__init__, args, options)
        return object.__new__(cls)

    def _name_layer(self, error: MinigradError) -> None:
        """Let an error on its way up know which layer it came through."""
        if error.layer is None:
            error.layer = f"{type(self).__name__}({self.extra_repr()})"
            error.passed = self
        elif error.passed is not self:
            name = next((name for name, child in self.named_children() if child is error.passed), None)
            if name is not None:
                error.layer_path = (name, *error.layer_path)
            error.passed = self

    # -- what is in it ------------------------------------------------------------------------

    def named_parameters(self) -> list[tuple[str, Parameter]]:
        """(name, parameter) in the order of assignment; one that is shared appears once."""
        return _distinct(self._members(Parameter))

    @told
    def parameters(self) -> ParameterList:
        """The parameters, for an optimizer; the list knows their names too."""
        return ParameterList(self.named_parameters())

    def named_buffers(self) -> list[tuple[str, Buffer]]:
        """(name, buffer): the tensors that are saved with the model and not learned."""
        return _distinct(self._members(Buffer))

    def buffers(self) -> list[Buffer]:
        """The buffers of this module and of all modules inside."""
        return [buffer for _, buffer in self.named_buffers()]

    def named_generators(self) -> list[tuple[str, np.random.Generator]]:
        """(name, generator) for each attribute that is one, each once: what a checkpoint saves to go on exactly.

        The package's own, from which layers without a generator draw, is ``minigrad.random.default_generator()``.
        """
        generators = (
            (f"{path}.{name}".lstrip("."), value)
            for path, module in self.named_modules()
            for name, value in vars(module).items()
            if isinstance(value, np.random.Generator)
        )
        return _distinct(generators)

    def named_children(self) -> list[tuple[str, Module]]:
        """(name, module) for the modules directly inside this one."""
        return [(name, value) for name, value in members_in(vars(self), Apart(Module)) if isinstance(value, Module)]

    def children(self) -> list[Module]:
        """The modules directly inside this one."""
        return [child for _, child in self.named_children()]

    def named_modules(self) -> list[tuple[str, Module]]:
        """(name, module) for this module (named "") and all modules inside, each once."""
        return _distinct(iter([("", self), *self._members(Module)]))

    def modules(self) -> list[Module]:
        """This module and all modules inside."""
        return [module for _, module in self.named_modules()]

    def _members(self, kind: type[T]) -> Iterator[tuple[str, T]]:
        """(name, value) of every attribute of this kind, here and in the modules inside, each module once."""
        for name, value in self._walk():
            if isinstance(value, kind) or (value is UNMADE and kind is not Module):
                yield name, value

    def _walk(self, again: bool = False, checks: bool = True) -> Iterator[tuple[str, Any]]:
        """(name, value) of the Tensors and Modules here and in the modules inside.

        A module is gone into once, or with ``again`` under each of its names, but not from inside of itself. Raises
        ``StateError`` if it ``checks`` and there are members in sets and the like, and nowhere else.
        """
        entered, apart = {id(self): True}, Apart(Module)
        above: list[tuple[Module, str, Iterator[tuple[str, Any]]]] = [(self, "", members_in(vars(self), apart))]
        while above:  # not by recursion: modules may be chained deeper than Python calls
            module, path, members = above[-1]
            apart.path = path
            for name, value in members:
                yield path + name, value
                if isinstance(value, Module) and not entered.get(id(value)):
                    entered[id(value)] = True
                    above.append((value, f"{path}{name}.", members_in(vars(value), apart)))
                    break
            else:
                above.pop()
                entered[id(module)] = not again
        if apart and checks:
            apart.require({id(value) for _, value in self._walk(checks=False)})

    def _state(self) -> dict[str, Tensor]:
        """Parameters and buffers by name; a shared one has an entry for each name, as in PyTorch."""
        state: dict[str, Any] = {}
        for name, value in self._walk(again=True):
            if isinstance(value, (Parameter, Buffer, Unmade)) and state.setdefault(name, value) is not value:
                raise StateError(f"two parameters are called {name!r}: rename a key of a dict, or an attribute")
        return state

    def _made_state(self) -> dict[str, Tensor]:
        state = self._state()
        for name, value in state.items():
            require_made(name, value)
        return state

    # -- all of them at once ------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Put this module and all inside into training mode (or evaluation mode); returns it."""
        training = flag(type(self).__name__, "mode", mode)
        for module in self.modules():
            module.training = training
        return self

    def eval(self) -> Self:
        """Put this module and all inside into evaluation mode; returns it."""
        return self.train(mode=False)

    def zero_grad(self, **foreign: Any) -> None:
        """Forget the gradients of all parameters."""
        if foreign:
            refuse_keywords("zero_grad", foreign)
        for parameter in self.parameters():
            parameter.zero_grad()

    def requires_grad_(self, flag: bool = True) -> Self:
        """Ask for the gradients of all parameters, or freeze them; returns the module."""
        for parameter in self.parameters():
            parameter.requires_grad_(flag)
        return self

    def apply(self, f: Callable[[Module], Any]) -> Self:
        """Call ``f`` on every module inside and then on this one; returns the module."""
        for module in reversed(self.modules()):
            f(module)
        return self

    def regularization_loss(self) -> Tensor:
        """The penalties of all layers inside: the sum of l1 |w| + l2 w² over their weights and biases, a scalar.

        The factors are the layers' ``weight_regularizer_l1``, ``weight_regularizer_l2``, ``bias_regularizer_l1`` and
        ``bias_regularizer_l2``; where none is set, the result is 0. It is added to the loss, and its gradient is
        l1 sign(w) + 2 l2 w, where the sign of 0 is 0.

        >>> layer = nn.Linear(2, 1, weight_regularizer_l1=0.1, weight_regularizer_l2=0.01)
        >>> layer.weight.data = [[3.0, -1.0]]
        >>> layer.regularization_loss().item()
        0.5
        """
        total: Tensor | None = regularization_loss(self.named_modules())
        if total is not None:
            return total
        # In the dtype of the model, so that adding it to a loss does not promote the loss.
        return Tensor(0.0, next((parameter.dtype for parameter in self.parameters()), None))

    # -- saving and loading -------------------------------------------------------------------

    @told
    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all parameters and buffers as arrays, by name."""
        return {name: seen(value).copy() for name, value in self._made_state().items()}

    @told
    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> None:
        """Write the arrays of ``state`` into the parameters and buffers of the same names.

        All is checked first: when a name is missing or unexpected (with ``strict=False``: when no name fits) or a
        shape or dtype does not fit, or a tensor with two names has two values, ``StateError`` lists every problem and
        nothing is loaded.
        """
        if not isinstance(state, Mapping):
            raise StateError(f"a state dict is a dict of arrays by name, got {type(state).__name__}")
        if recorder() is not None:
            raise CompileError(
                "mg.compile: load_state_dict puts other arrays in the places of the weights, which a program does not: "
                "write into them, for p, q in zip(target.parameters(), model.parameters()): p.data[...] = q.data"
            )
        own = self._made_state()
        copies = fitting(type(self).__name__, own, state, strict)
        for name, copied in copies.items():
            assign(own[name], copied)  # not written into the old array, which a graph may have saved

    # -- looking ------------------------------------------------------------------------------

    @told
    def summary(self, *inputs: Any) -> Summary:
        """A table of the layers: output shape and dtype, parameters, FLOPs, and memory of the outputs.

        ``inputs`` are what the model is called with, such as ``x`` of one batch; it is run once in evaluation, and is
        left as it was. FLOPs are those of the forward pass by the formulas of ``minigrad.nn.flops``, where a
        multiplication with an addition counts two; functions that a ``forward`` calls itself (``x.relu()``) are not
        seen.

        >>> print(nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 3)).summary(mg.zeros((10, 2))))
        Sequential
        layer  type    output    dtype    parameters  FLOPs  activations
        ----------------------------------------------------------------
        0      Linear  (10, 64)  float32         192  3,200      2.5 KiB
        1      ReLU    (10, 64)  float32           0    640      2.5 KiB
        2      Linear  (10, 3)   float32         195  3,870        120 B
        387 parameters, 7,710 FLOPs, 5.1 KiB of activations
        """
        from minigrad.nn.summary import summary  # noqa: PLC0415 - it looks at modules, from above

        return summary(self, *inputs)

    def extra_repr(self) -> str:
        """The text of ``repr`` between the parentheses; for subclasses."""
        return ""

    def __repr__(self) -> str:
        return self._description(())

    def _repr_html_(self) -> str:
        """What a notebook shows: a table of the modules inside, and their parameters."""
        shown: str = import_module("minigrad.viz.notebook").module_html(self)
        return shown

    def _description(self, above: tuple[Module, ...]) -> str:
        name, extra = type(self).__name__, self.extra_repr()
        if any(self is module for module in above):
            return f"{name}(...)"  # a module that knows its parent
        inner = [(key, child._description((*above, self))) for key, child in self.named_children()]
        lines = [f"  ({key}): {text}".replace("\n", "\n  ") for key, text in inner]
        return "\n".join([f"{name}({extra}", *lines, ")"]) if lines else f"{name}({extra})"

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(vars(self).get(name), Parameter) and not isinstance(value, (Parameter, NoneType)):
            raise TypeError(
                f"{name!r} is a parameter of {type(self).__name__}; a {type(value).__name__} in its place would not be "
                f"learned: write .{name}.data = array, or .{name} = nn.Parameter(array)"
            )
        if name in _SWITCHES and isinstance(value, bool):
            raise AttributeError(f"{type(self).__name__}.{name} = {value} would change nothing; {said(MODULE[name])}")
        super().__setattr__(name, value)

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):  # Python asking for a protocol, not a person misspelling
            raise AttributeError(name)
        if isinstance(getattr(type(self), name, None), property):
            object.__getattribute__(self, name)  # raises again what the property raised
        if name in MODULE:
            raise AttributeError(f"{type(self).__name__} has no {name!r}; {said(MODULE[name])}", name=name, obj=self)
        close = closest(name, [key for key in dir(self) if not key.startswith("_")])
        owned = ", ".join(key for key in vars(self) if not key.startswith("_")) or "none yet"
        hint = f"did you mean {close!r}?" if close else f"its attributes are: {owned}"
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}; {hint}", name=name, obj=self)


def _distinct(named: Iterator[tuple[str, T]]) -> list[tuple[str, T]]:
    """The same without an object's second and later names."""
    first: dict[int, tuple[str, T]] = {}
    for name, value in named:
        require_made(name, value)
        first.setdefault(id(value), (name, value))
    return list(first.values())
