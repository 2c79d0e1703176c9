"""The table of operations: what an ``Op`` is made of, and where it is found.

An op has two keys: its name, under which ``Tensor``'s methods look it up, and the NumPy functions it
stands for, under which NumPy's protocols do (``np.exp(tensor)`` arrives with ``np.exp`` in hand).
``minigrad.primitive`` fills the table from above, so tensors and formulas never import each other.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from minigrad.core.failures import named
from minigrad.errors import GraphError

Formula = Callable[..., Any]


class Primitive(Protocol):
    """A callable op: on Tensors it records, on arrays it is the plain NumPy function."""

    op: Op
    __name__: str
    __qualname__: str
    __wrapped__: Callable[..., Any]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Apply the op."""


class Op:
    """One row: a forward function, one gradient formula per array argument, and a docstring.

    ``arguments`` are the names of the array arguments, ``statics`` the other parameters of the
    forward with their defaults, ``residuals`` the intermediate values it hands to its formulas.
    ``roles`` are the names each formula asks for, ``mentioned`` all of them. ``domain`` holds, per array
    argument, the open interval of values in which the op is smooth, and ``analytic`` says that its
    forward is analytic there, so that a complex step differentiates it; both are for the tests.
    ``holomorphic`` says that the formulas hold for complex numbers too, ``real`` that the function
    itself is of real numbers alone. ``optional`` are the arguments that may be None.
    ``flow`` says how the row passes on where a gradient flows
    (``minigrad.core.reachability``); ``view`` says that the output may share the argument's memory.
    """

    __slots__ = tuple(
        """
        analytic arguments defaults doc domain flow formulas forward holomorphic keyword_only mentioned name optional
        reach real residuals roles rows statics ufunc variadic view write_source
        """.split()
    )

    def __init__(
        self,
        name: str,
        forward: Callable[..., Any],
        formulas: tuple[Formula | None, ...],
        arguments: tuple[str, ...],
        statics: tuple[str, ...],
        defaults: dict[str, Any],
        *,
        keyword_only: frozenset[str],
        variadic: bool,
        residuals: dict[str, Primitive],
        domain: tuple[tuple[float, float], ...],
        analytic: bool,
        holomorphic: bool,
        real: bool,
        flow: str,
        view: bool,
        doc: str,
    ) -> None:
        self.name = name
        self.forward = forward
        self.formulas = formulas
        self.arguments = arguments
        self.statics = statics
        self.defaults = defaults
        self.keyword_only = keyword_only
        self.variadic = variadic
        self.residuals = residuals
        self.domain = domain
        self.analytic = analytic
        self.holomorphic = holomorphic
        self.real = real
        self.flow = flow
        self.view = view
        self.doc = doc
        self.roles: tuple[tuple[str, ...], ...] = ()
        self.mentioned: frozenset[str] = frozenset()
        self.ufunc: Callable[..., Any] | None = None  # of a forward that is Python's operator
        self.write_source: Callable[[], str] = str
        self.optional = frozenset(a for a in arguments if defaults.get(a, a) is None)  # which arguments may be None
        self.reach: Formula | None = None  # what a formula that only chooses reaches, where it does not say so itself
        self.rows: Callable[..., np.ndarray | None] | None = None  # of what it saved: the rows that a gradient reaches

    @property
    def source(self) -> str:
        """The source of the function that runs when the op is called."""
        return self.write_source()

    def saved(self, parents: Sequence[Any]) -> set[str]:
        """The arguments, options and z that a node with these parents, or None for them, saves for its formulas."""
        several = zip(self.formulas, self.roles, parents, strict=True)
        needed = (roles for formula, roles, parent in several if parent is not None and formula is not None)
        return {role for roles in needed for role in roles}.intersection((*self.arguments, *self.statics, "z"))

    def keeps(self, argument: int, live: list[int]) -> bool:
        """Whether the graph keeps the data of an argument: as a view of it, or because a live edge asks for it."""
        if self.view:
            return True
        if self.variadic:
            return self.arguments[0] in self.mentioned
        return any(self.arguments[argument] in self.roles[number] for number in live)

    def _repr_html_(self) -> str:
        """What a notebook shows: the formulas."""
        shown: str = from_above("notebook").op_html(self)
        return shown

    def __repr__(self) -> str:
        return f"<op {self.name}({', '.join(self.arguments + self.statics)})>"


#: Every op by name, and what stands in for each NumPy function that tensors understand.
ops: dict[str, Callable[..., Any]] = {}
numpy_functions: dict[Callable[..., Any] | str, Callable[..., Any]] = {}

#: What stands for a NumPy function that is called with options its op does not have: a function of NumPy's whole
#: signature, or, under ``np.ufunc``, one that takes any ufunc first.
with_options: dict[Any, Callable[..., Any]] = {}

#: What stands for the methods of ufuncs, such as ``np.add.reduce``: functions that take the ufunc first.
ufunc_methods: dict[str, Callable[..., Any]] = {}

#: What writes into a tensor in place of a NumPy function that writes into its first argument.
writers: dict[Callable[..., Any], Callable[..., Any]] = {}

#: The keys of both that came with the package: nobody else's op may take their place.
builtin: set[Any] = set()


#: Files of formulas that are imported when a function of such a path arrives: few programs need them.
later: dict[str, str] = {}

#: Rooms above the core that methods of its classes call, and their modules: the package names them at its import.
above: dict[str, str] = {}


def from_above(room: str) -> Any:
    """The module of a room above the core, which is imported at the first call."""
    return importlib.import_module(above[room])


def no_derivative(g: Any) -> Any:  # noqa: ARG001 - what a formula takes
    """The formula of an argument whose derivative has no known formula: a call refuses its gradient."""
    raise GraphError("this argument has no known derivative: leave it out on purpose with detach()")


class Derived(NamedTuple):
    """A function made of ops, which needs no formula of its own; ``domain`` is as in ``Op`` where it is elementwise."""

    function: Callable[..., Any]
    numpy: tuple[Callable[..., Any] | str, ...]
    domain: tuple[tuple[float, float], ...] | None


#: Every function made of ops by name.
derived_ops: dict[str, Derived] = {}


def derived(
    *numpy: Callable[..., Any] | str, domain: tuple[tuple[float, float], ...] | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function made of ops, as what these NumPy functions do on tensors too.

    One of them may be given by its path as text, for where it is found in NumPy no more.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        name = function.__name__
        known = derived_ops.get(name)
        if not hasattr(function, "op") and (known is None or known.function is not function):
            function = named(function, lambda: next((with_options[key] for key in numpy if key in with_options), None))
        if name not in ops:  # else it is the face of an op of its name
            ops[name] = function
            derived_ops[name] = Derived(function, numpy, domain)
        for key in numpy:
            numpy_functions[key] = function
        return function

    return register


def taking_options(*numpy: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function of NumPy's whole signature, for calls with options that the op does not have."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        for key in numpy:
            with_options[key] = function
        return function

    return register


def writing(numpy: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function that writes into a tensor as this one of NumPy's writes into an array."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        writers[numpy] = function
        return function

    return register


def standing_for(function: Callable[..., Any]) -> Callable[..., Any] | None:
    """The function by which tensors answer a function of NumPy or SciPy, or None."""
    known = numpy_functions.get(function)
    if known is not None:
        return known
    path = path_of(function)
    known = numpy_functions.get(path)
    home = path.rpartition(".")[0]
    if known is None and home in later:
        importlib.import_module(later[home])
        known = numpy_functions.get(path)
    return known


def path_of(function: Callable[..., Any]) -> str:
    """The public path of a function of NumPy or SciPy, such as "numpy.fft.fft" or "scipy.special.erf".

    A ufunc does not say where it comes from, and NumPy and SciPy have some of one name: it is looked up in both. One of
    somebody else is its name alone, whatever that is.
    """
    if not isinstance(function, np.ufunc):
        return f"{function.__module__}.{function.__name__}"
    name = function.__name__
    if vars(np).get(name) is function:
        return f"numpy.{name}"
    # A ufunc of SciPy is there after its import only. Some are private, with a function of Python around them.
    homes = (sys.modules.get(path) for path in ("scipy.special", "scipy.special._ufuncs"))
    return f"scipy.special.{name}" if any(getattr(home, name, None) is function for home in homes) else name
