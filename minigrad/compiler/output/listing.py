"""A program for people: one readable function of NumPy calls, with the model's names, and shapes and dtypes beside.

The text is Python that runs by itself: functions that are not NumPy's stand above the program. It reads and writes the
arrays of ``state`` in place, takes the numbers that optimizers work out for a step as ``rates`` and the generators that
it draws from as ``generator``, ``generator_2`` and so on, and returns the result and the gradients. What it leaves out
is bookkeeping: counting the step, and setting state below the smallest normal float to zero every 64 steps.
"""

from __future__ import annotations

import builtins
import keyword
import operator
import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from minigrad.compiler.expressions import function_path, literal, spelled
from minigrad.compiler.guards.python_state import Fresh, Whole
from minigrad.compiler.output.definitions import Definitions, is_own
from minigrad.compiler.passes.dead import without_dead_calls
from minigrad.compiler.program import ARGUMENT, CAPTURE, GRADIENT, RESULT, Call, Out, Program, Value, values_in
from minigrad.compiler.tracing.effects import rates_of
from minigrad.core.tensor import Tensor

_SECTIONS = {
    "forward": "forward",
    "backward": "backward: gradients, from the last call to the first",
    "update": "update",
}

#: Names in the text, and in an exported file, that no value gets.
RESERVED = frozenset(
    """
    ARGUMENTS ARRAYS Any CONSTANTS DIGEST DTYPES Entry FLUSH_EVERY FORMAT GENERATORS HEADER_LIMIT Header INSIDE
    Iterable Iterator KEPT MalformedError Mapping NamedTuple NotForcedError OBJECTS_LIMIT OPTIMIZERS Path STATE
    VERSION WEIGHTS WORK _Limited _NO_FORCE _OURS _PIECE _Sink _TEMPORARY _allocated _archive _archived _are_sizes
    _array_header _begun _check _comment _cost _entries _fill_from _force_folder _is_free _leaves lock _memory_cap
    _metadata _new_temporary _other_kind _pieces _places _read _with _write annotations argparse check_text checksum
    contextlib count errno fcntl fill hashlib io json load main math np os pathlib predict rates re read_array
    read_header read_verified remove_strays run save scipy secrets step temporary_stem tensor_file train
    without_duplicates write_whole zipfile
    """.split()
)

#: Elements up to which a constant is written out.
_SHORT = 8


class Listing:
    """The text of a program, and the arrays and numbers to call it with."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._taken: set[str] = {*RESERVED, *dir(builtins)}
        self._next: dict[str, int] = {}
        self._names: dict[Value, str] = {}
        self.values: dict[str, Value] = {}  # what the entries of ``state`` are
        self.lines: dict[Call, str] = {}
        calls = without_dead_calls(program)
        hosts = [call.function for call in program.calls if call.is_host]
        self.steps = [host for host in hosts if host.kind == "rates"]  # of optimizers
        self.optimizers: list[Any] = [host.owner for host in self.steps]
        self.writes = any(value.root.kind != RESULT for call in calls for value in call.writes)
        self.definitions = Definitions(self._taken)
        for call in calls:
            function = call.function.function if call.is_host else call.function
            if is_own(function):
                self._taken.add(self.definitions.name(function))
        #: What the text calls the generators that the program draws from, by id; and these, None for the package's own.
        self.generators: dict[int, str] = {}
        self.owners: list[Any] = []
        for host in [host for host in hosts if host.kind == "draw" and id(host.owner) not in self.generators]:
            self.generators[id(host.owner)] = self._free("generator")
            self.owners.append(host.owner)
        self.arguments = [(self._label(v, v.name or "x"), v) for v in program.of_kind(ARGUMENT)]
        self._body = self._text_of(calls)
        gradients = ", ".join(f"{name!r}: {self._names[value]}" for name, value in self._gradient_names())
        self.returned, self.gradients = self._tree(program.outputs), f"{{{gradients}}}"

    @property
    def text(self) -> str:
        """The whole text: imports, functions that the program calls, and ``step(..., state, rates)``."""
        definitions = self.definitions.complete()
        future = ["from __future__ import annotations", ""] * bool(definitions.texts)
        imports = [*definitions.imports, "import numpy as np", *["import scipy.special"] * self.needs_scipy]
        function = self.function("step", "state, rates", f"{self.returned}, {self.gradients}")
        return "\n\n\n".join(["\n".join([*future, *imports]), *definitions.texts, function])

    def function(self, name: str, parameters: str, returned: str, head: Iterable[str] = ()) -> str:
        """The program as a function; ``head`` are lines that come first."""
        signature = ", ".join([*[name for name, _ in self.arguments], parameters, *self.generators.values()])
        return "\n".join([f"def {name}({signature}):", *head, *self._body, "", f"    return {returned}", ""])

    @property
    def kind(self) -> str:
        """What it is: "train" with an optimizer's step, "step" with gradients or writes, "predict" without."""
        return "train" if self.optimizers else "step" if self.program.gradients or self.writes else "predict"

    @property
    def needs_scipy(self) -> bool:
        """Whether functions of SciPy's are called."""
        return any("scipy.special." in line for line in self._body)

    @property
    def state(self) -> dict[str, np.ndarray]:
        """The arrays by the names that the text has for them."""
        return {
            name: value.origin.grad if value.kind == GRADIENT else value.origin for name, value in self.values.items()
        }

    def rates(self) -> tuple[float, ...]:
        """The numbers for the next step."""
        return tuple([number for host in self.steps for number in rates_of(host.owner, host.work)])

    def name(self, value: Value) -> str:
        """What the text calls a value, or "" where it does not occur."""
        return self._names.get(value, "")

    # -- names --------------------------------------------------------------------------------

    def _label(self, value: Value, wish: str) -> str:
        """An identifier near to ``wish`` that nothing else has."""
        plain = re.sub(r"\W+", "_", wish).strip("_") or "x"
        plain = f"_{plain}" if plain[0].isdigit() or keyword.iskeyword(plain) else plain
        self._names[value] = self._free(plain)
        return self._names[value]

    def _free(self, wish: str) -> str:
        name, number = wish, self._next.get(wish, 2)
        while name in self._taken:
            name, number = f"{wish}_{number}", number + 1
        self._taken.add(name)
        self._next[wish] = number  # a wish that comes a thousand times is not tried a thousand times each
        return name

    def _text(self, x: Any) -> str:
        if isinstance(x, Value):
            return self._names[x]
        if isinstance(x, tuple) and hasattr(x, "_fields"):
            return f"{self.definitions.name(type(x))}({', '.join(map(self._text, x))})"
        written = literal(x, self._text)
        if written is None and isinstance(x, np.generic):
            return f"np.asarray({x.item()!r}, {literal(x.dtype, self._text)})[()]".replace("inf", "np.inf").replace(
                "nan", "np.nan"
            )
        return repr(x) if written is None else written

    def _constant(self, array: np.ndarray) -> str | None:
        """A short or regular array as an expression."""
        dtype = literal(array.dtype, self._text)
        if not array.size:
            return f"np.zeros({array.shape}, {dtype})"
        if array.dtype.kind not in "biuf" or not np.isfinite(array).all() or not array.flags.c_contiguous:
            return None
        signed = array.dtype.kind == "f" and np.signbit(array).any()
        if array.size > 1 and not signed and (array == array.flat[0]).all():
            return f"np.full({array.shape}, {array.flat[0].item()!r}, {dtype})"
        if array.ndim == 1 and array.size > 1 and not signed and (array == np.arange(array.size)).all():
            return f"np.arange({array.size}, dtype={dtype})"
        return f"np.array({array.tolist()!r}, {dtype})" if array.size <= _SHORT else None

    # -- text ---------------------------------------------------------------------------------

    def _text_of(self, calls: list[Call]) -> list[str]:
        """The lines of the function but for its head and its end."""
        used = {value for call in calls for value in call.values} | set(values_in(self.program.outputs))
        lines = [f"    # {name}: {look(value)}" for name, value in self.arguments]
        written = {value.root for call in calls for value in call.writes}
        for value in [v for v in self.program.values if v.kind in (CAPTURE, GRADIENT) and v in used]:
            wish = value.name or "constant"
            if value.kind == GRADIENT:
                wish = f"{self.program.leaf_names.get(value.origin, wish)}_grad_before"
            anonymous = value.kind == CAPTURE and not value.name and value not in written
            constant = self._constant(value.origin) if anonymous else None
            name = self._label(value, wish)
            if constant is None:
                key = value.name if value.name and value.name not in self.values else name
                self.values[key] = value
                constant = f"state[{key!r}]"
            lines.append(f"    {name} = {constant}  # {look(value)}")
        rates = [value for call in calls if call.is_host and call.function.kind == "rates" for value in call.results]
        if rates:
            lines.append(
                f"    {', '.join(self._label(value, value.name) for value in rates)}{',' * (len(rates) == 1)} = rates"
            )
        phase, errors = "", {}  # type: str, dict[str, Any]
        # The last call towards a gradient that made an array has its name.
        targets = {call.op: call for call in calls if call.op and any(v.is_array and v.root is v for v in call.results)}
        gradients = {value: name for name, value in self._gradient_names()}
        for call in calls:
            if call.phase != phase:
                phase, errors = call.phase, {}
                lines += ["", f"    # -- {_SECTIONS[phase]}"]
            if call.errors != errors and not call.is_host:
                errors = call.errors
                if errors:
                    lines.append(f"    with np.errstate({', '.join(f'{k}={v!r}' for k, v in errors.items())}):")
            line = self._line(call, targets, gradients)
            if line:
                self.lines[call] = line
                lines.append(("        " if errors else "    ") + line)
        return lines

    def _line(self, call: Call, targets: dict[str, Call], gradients: dict[Value, str]) -> str:
        if call.is_host and call.function.kind == "draw":
            options = [f"{key}={self._text(x)}" for key, x in call.kwargs.items()]
            arguments = ", ".join([self.generators[id(call.function.owner)], *map(self._text, call.args), *options])
            (value,) = call.results
            name = self.definitions.name(call.function.function)
            return f"{self._label(value, value.name or name)} = {name}({arguments})  # {look(value)}"
        if call.is_host:
            if call.function.kind != "assume":
                return ""
            test = self._names[call.args[0]]
            expected = call.function.expected
            problem = f"{test} is {not expected}, and the program was recorded where it is {expected}"
            return f"if {'not ' if expected else ''}{test}: raise ValueError({problem!r})"
        if call.function is operator.getitem and _is_same(call.results[0], call.args[0]):
            self._names[call.results[0]] = self.lines[call] = self._names[call.args[0]]
            return ""
        kwargs = dict(call.kwargs)
        if isinstance(kwargs.get("out"), tuple) and len(kwargs["out"]) == 1:
            (kwargs["out"],) = kwargs["out"]
        text = spelled(call.function, call.args, kwargs, self._text, self._path)
        if not call.results:
            return text
        names = []
        for value in call.results:
            last = targets.get(call.op) is call
            of_outside = call.function is operator.getitem and value.root.kind == CAPTURE
            general = value.root.name if of_outside and value.root.name else _general_name(call.function)
            wish = gradients.get(value, "") or value.name or (call.op if last else "") or general
            names.append(self._label(value, f"{wish}_grad" if value in gradients else wish))
        return f"{', '.join(names)} = {text}  # {look(call.results[0])}"

    def _path(self, function: Any) -> str:
        return self.definitions.name(function) if is_own(function) else function_path(function)

    def _gradient_names(self) -> list[tuple[str, Value]]:
        return [(self.program.leaf_names[leaf], value) for leaf, value in self.program.gradients]

    def _tree(self, x: Any) -> str:
        if isinstance(x, Out):
            return self._names[x.value]
        if isinstance(x, (Whole, Fresh)):
            return self._tree(x.now())
        if type(x) in (tuple, list):
            inner = ", ".join(map(self._tree, x))
            return f"[{inner}]" if isinstance(x, list) else f"({inner}{',' if len(x) == 1 else ''})"
        if isinstance(x, dict):
            return "{" + ", ".join(f"{key!r}: {self._tree(item)}" for key, item in x.items()) + "}"
        return self._text(x._array if isinstance(x, Tensor) else x)


def _general_name(function: Any) -> str:
    """The name of a value without one, after the function that made it."""
    name = function if isinstance(function, str) else getattr(function, "__name__", "x")
    owner = getattr(function, "__self__", None)
    if isinstance(owner, np.ufunc):
        name = {"add": "sum", "maximum": "max", "minimum": "min"}.get(owner.__name__, owner.__name__)
    short = {
        "T": "transposed",
        ".reshape": "reshaped",
        ".copy": "copied",
        ".astype": "cast",
        "getitem": "part",
        "mul": "product",
        "add": "added",
        "sub": "less",
        "truediv": "quotient",
        "neg": "negative",
        "matmul": "product",
        "lt": "below",
        "gt": "above",
        "ge": "at_least",
        "le": "at_most",
        "sum": "summed",
        "max": "largest",
    }
    return short.get(name, name.strip("._"))


def _is_same(view: Value, value: Value) -> bool:
    """Whether a view by an index is all of an array as it is: ``weights[0:99]`` of 99."""
    same = (view.shape, view.strides, view.dtype) == (value.shape, value.strides, value.dtype)
    return same and view.root is value.root


def look(value: Value) -> str:
    """The shape and dtype of a value."""
    return f"{value.shape} {value.dtype}" if isinstance(value.dtype, np.dtype) else str(value.dtype)
