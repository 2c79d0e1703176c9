"""``Recording``: one run of a step, as it is written, on arrays that write down what is done to them.

Arrays that meet a recorded one are *captured* by reference: weights, momenta, buffers. A program reads them anew in
each run, so eager steps and replays may take turns. What is written into them must be seen, so they carry a checksum
while the step runs (``memory``): one that changes without a recorded call means that something wrote behind the
recorder's back, and the step is refused.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.compiler.guards.generator_proxies import is_stream, original_of, stand_for
from minigrad.compiler.guards.holders import is_named
from minigrad.compiler.guards.python_state import Part, data_of, is_container, is_input
from minigrad.compiler.guards.reachable import Reach
from minigrad.compiler.passes.conditions import calls_back, heeds
from minigrad.compiler.program import ARGUMENT, CAPTURE, GRADIENT, RESULT, Call, Host, Program, Value, values_in
from minigrad.compiler.tracing import assigned_data, computed_numbers, effects, finish
from minigrad.compiler.tracing.checksums import Memory, UnseenWriteError
from minigrad.compiler.tracing.copied_parts import CopiedPart
from minigrad.compiler.tracing.numeric_arguments import Number, Over, settled, taken
from minigrad.compiler.tracing.operands import is_value, real_arrays_in, recorded_in, result_of
from minigrad.compiler.tracing.random_draws import Draws
from minigrad.compiler.tracing.recorded_array import LEFT, Recorded
from minigrad.compiler.tracing.saved_memory import SavedMemory
from minigrad.compiler.tracing.source_lines import Edges, Places
from minigrad.compiler.tracing.varying_arguments import name_of
from minigrad.core.graph import Leaf, Node
from minigrad.core.stands import Stand
from minigrad.core.tensor import Tensor, wrap
from minigrad.core.trees import flat, mapped_all
from minigrad.core.watching import user_line
from minigrad.errors import CompileError

if TYPE_CHECKING:
    from minigrad.compiler.tracing.ways import Ways
from minigrad.support.idioms import Count


class Recording:
    """Writes the program of one run. ``reach`` is what the function can reach: the names, and what must not change."""

    is_body = False  # whether it is that of a loop's body, see ``inner_recording``

    def __init__(self, reach: Reach, ways: Ways) -> None:
        self.program = Program()
        self.reach = reach
        self.active = True
        self.inner: Any = None  # the recording of a body, while there is one: see ``inner_recording``
        self.refused: CompileError | None = None  # raised at the end, if the step should catch it
        self.lifts = ways.lifts  # whether recorded arrays stand in the places of plain ones too
        self.written = ways.written  # plain arrays in whose places recorded ones stand in any case
        self.may_repeat = False  # whether all that the step writes can be put back, and the step run once more
        self.saved_memory = SavedMemory(reach.tensors, ways.copies)
        self.wants: np.ndarray | None = None  # one that is not among them, and is written
        self.wants_arrays = False  # whether a plain array has met a recorded one in a way that nobody sees
        self.is_usual = True  # see ``leave_out``
        self.updates: list[int] = []  # the ids of the optimizers that made steps, in order
        self.taken: set[Any] = set()  # the arguments and counters that Python looked at
        self.late: set[Any] = set()  # those that it looked at after a decision
        self.all_numbers: list[weakref.ref[Number]] = []
        self.comparisons: dict[Any, Number] = {}  # those that Python has made of numbers of the step
        self.decided: set[Value] = set()  # and those by which it has decided
        self.constants: set[Value] = set()  # arrays that the step makes, and what it makes of them alone
        self.copied: set[Value] = set()  # those of which a library has taken the array
        self.parts: list[CopiedPart] = []  # see ``copied_parts``
        self.bounds = 0  # decisions by the range of a number alone
        self.effects: list[tuple[Any, Any]] = []  # where something is put after a run, and what
        self.graphs: list[Any] = []  # those of them where a tensor is put that has a graph
        self.windows: list[Any] = []  # deques of bounded length that the step reads and appends to
        self.passing: dict[Any, Any] = {}  # places of numbers of groups that the step has changed before an update
        self._of_graphs = {
            id(x._array): graph.name for graph in ways.graphs for x in flat(graph.get()) if isinstance(x, Tensor)
        }
        self.without_graph: dict[Value, str] = {}  # values that had a graph in an earlier call
        self.steps: dict[int, Number] = {}  # counts of optimizers at the start, by id
        self.assigned: assigned_data.Assigned = {}
        self.leaves: dict[Leaf, None] = {}
        self.written_leaves: set[Leaf] = set()  # those that something else than an optimizer writes
        self.memory = Memory()
        self.draws = Draws(reach)
        self._places = places = Places(reach.names)
        # Inside of three of these a phase ("backward", "update"), a module or an op runs; the last tells of a gradient.
        self.phase, self.layer, self.forward = places.in_phase, places.in_layer, places.in_op
        self.lead_to = places.lead_to
        self._recorded: dict[int, Recorded] = {}  # a captured array's id: what stands for it
        self._entry_gradients: dict[int, tuple[Leaf, np.ndarray]] = {}
        self._errors: dict[str, Any] = dict(np.geterr())
        self.program.heeds_errors = heeds(self._errors)
        for name, array in reach.arrays:
            self.memory.watch(array, name)
        self.see([tensor._node for tensor in reach.tensors if isinstance(tensor._node, Leaf)])
        self.reached = frozenset(self.leaves)  # the others are made in the step

    @property
    def may_lift(self) -> bool:
        """Whether the step can be run once more with the plain arrays that it writes among the recorded ones."""
        return self.may_repeat and not self.lifts

    # -- what comes in ------------------------------------------------------------------------

    def argument(self, array: Any) -> Recorded:
        """The recorded array for an argument of the function; they are numbered in their order."""
        return Recorded(self, array, self.program.new(ARGUMENT, array, len(self.program.of_kind(ARGUMENT))))

    def given(self, x: Any) -> Any:
        """The recorded array or tensor for an argument of the function; anything else as it is."""
        if isinstance(x, Tensor):
            if x.requires_grad:
                raise CompileError(
                    "mg.compile: an argument requires a gradient, and its .grad would be that of one call: close "
                    "over it, or pass x.detach()"
                )
            self.saved_memory.given.append(x)
            return wrap(self.argument(x._array))
        if is_stream(x):
            return stand_for(x)
        return self.argument(np.asarray(x)) if isinstance(x, np.ndarray) else x

    def numbers(self, given: dict[Any, Any]) -> dict[Any, Any]:
        """The stand-ins for number arguments, which follow the arrays."""
        return {place: self._standing(name_of(place), x, place) for place, x in given.items()}

    def carried(self, held: Any) -> Any:
        """What stands for a number, tensor or array in a place from outside, or for those in a container there."""

        def made(x: Any, path: tuple[Any, ...]) -> Any:
            if type(x) is dict:
                return {key: made(item, (*path, key)) for key, item in x.items()}
            if is_container(x):
                return getattr(type(x), "_make", type(x))([made(item, (*path, i)) for i, item in enumerate(x)])
            return self.kept(Part(held, path) if path else held, x, held) if is_input(x) else x

        return made(held.get(), ())

    def kept(self, source: Any, x: Any, place: Any) -> Any:
        """The stand-ins for numbers that the program reads before each run, see ``python_state``."""
        self.program.reads.append(source)
        return self._standing(source.name, x, place)

    def _standing(self, name: str, x: Any, place: Any) -> Any:
        data = data_of(x)
        value = self.program.new(ARGUMENT, data, len(self.program.of_kind(ARGUMENT)))
        value.name = name
        self._note_graph(value, data)
        if data is not x:
            return wrap(Recorded(self, data, value))
        return Recorded(self, x, value) if hasattr(x, "dtype") else Number(self, x, value, frozenset([place]))

    def capture(self, array: Any, name: str = "") -> Any:
        """What stands for an array from outside."""
        if isinstance(array, Stand):
            return array
        known = self._recorded.get(id(array))
        if known is None:
            leaf, _ = self._entry_gradients.get(id(array), (None, None))
            value = self.program.new(CAPTURE if leaf is None else GRADIENT, array, array if leaf is None else leaf)
            value.name = name or self.reach.names.get(id(array), "")
            known = self._recorded[id(array)] = Recorded(self, array, value)
            self._note_graph(value, array)
            if leaf is None:
                self.memory.watch(array, value.name)
        return known

    def stand_anew(self, array: Any) -> None:
        """From here on another object stands for an array from outside, beside those that the step has of it."""
        self._recorded[id(array)] = Recorded(self, array, self.capture(array).value)

    def _note_graph(self, value: Value, array: Any) -> None:
        if id(array) in self._of_graphs:
            self.without_graph[value] = self._of_graphs[id(array)]

    def see(self, leaves: Sequence[Leaf]) -> None:
        """Note leaves whose gradients are read or replaced, and the gradients from before."""
        for leaf in leaves:
            if leaf not in self.leaves:
                self.leaves[leaf] = None
                self.program.entry[leaf] = leaf.grad is None
                if type(leaf.grad) is np.ndarray:
                    self._entry_gradients[id(leaf.grad)] = (leaf, leaf.grad)

    def is_from_before(self, gradient: np.ndarray) -> bool:
        """Whether a gradient was there when the step began."""
        return id(gradient) in self._entry_gradients

    # -- the mode (see minigrad.core.context) ------------------------------------------------------

    def lifted(self, arrays: Sequence[Any]) -> list[Any]:
        """The arguments of an op with what stands for them."""
        return [self.capture(array) if isinstance(array, np.ndarray) else array for array in arrays]

    def observe(self, op: Any, z: Any, nodes: Sequence[Any], records: bool) -> Callable[..., Node] | None:
        """Name the result of an op; returns what makes its node."""
        self.see([node for node in nodes if type(node) is Leaf])
        name = op.name
        if isinstance(z, Recorded):
            name = z.value.name = z.value.name or "_".join(filter(None, (self._places.layer, op.name)))
        if not records:
            return None

        def node_of(of: Any, edges: tuple[Any, ...], shape: tuple[int, ...], dtype: np.dtype) -> Node:
            node = Node(of, Edges(edges), shape, dtype)
            self._places.of_nodes[node] = name
            return node

        return node_of

    def saved(self, x: Any, parent: Any) -> Any:
        """See ``SavedMemory.saved``."""
        return self.saved_memory.saved(x, parent)

    @property
    def in_update(self) -> bool:
        """Whether an optimizer makes a step."""
        return self._places.in_update

    in_formula = property(lambda self: self._places.in_formula, doc="Whether an op's forward or a formula is running.")

    @property
    def op(self) -> str:
        """The op whose forward is running, or ""."""
        return self._places.op

    # -- calls --------------------------------------------------------------------------------

    def note(self, call: Call) -> None:
        """Add a call to the program, with the place where it stands."""
        call.place, call.phase, call.layer, call.op = self._places.now()
        self.program.calls.append(call)

    def call(
        self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any] | None, writes: Sequence[Any] = ()
    ) -> Any:
        """Run a call on the real arrays and write it down.

        Of a method, ``function`` is the name; of an attribute too, with ``kwargs`` None.
        """
        if self.inner is not None:
            return self.inner.call(function, args, kwargs, writes)
        if not self.active:
            raise self.refusal(*LEFT)
        written = [self.capture(x) for x in writes if x is not None]
        for x in written:
            self._begin_write(x)
            if x.value.root in self.copied:
                raise self.refusal(
                    "an array that the step makes is handed to a library, and then written into",
                    "hand over a copy of it, x.copy()",
                )
            self.constants.discard(x.value.root)
        options = kwargs or {}
        if self.all_numbers:
            args, options = settled(function, args, options)
        symbolic, named = mapped_all(self._value, args), mapped_all(self._value, options)
        spelled = f".{function}" if isinstance(function, str) and kwargs is not None else function
        call = Call(spelled, symbolic, named, [], [x.value for x in written])
        result = result_of(self, call, args, options)
        for x in written:
            if x.value.root.kind != RESULT:
                self.memory.refresh(x.array)
        now = dict(np.geterr())
        if now != self._errors:
            call.errors = {kind: how for kind, how in now.items() if how != self._errors.get(kind)}
            self.program.heeds_errors |= heeds(call.errors)
        if calls_back(now):
            self.leave_out()
        if result is None or (written and result is written[0].array):
            self.note(call)
            return written[0] if result is not None else None
        if isinstance(result, np.ndarray):  # of bools as scalars there are only two
            for x in [a for a in recorded_in(args) if a.array is result]:
                return x  # reshape to the same shape, astype without a copy: nothing was done
        sources = list(values_in((symbolic, named)))
        arrays = {id(v): a for v, a in zip(sources, real_arrays_in((args, options)), strict=True)}
        output = self._result(call, result, sources, arrays)
        if self.constants and all(v.root in self.constants for v in sources):
            self.constants.update(call.results)
        self.note(call)
        return output

    def whole(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A ``numpy_function`` of ours as one call, or on plain arrays as it is."""
        if recorded_in((args, kwargs)):
            return self.call(function, args, kwargs)
        return function.__wrapped__(*args, **kwargs)

    def _begin_write(self, x: Recorded) -> None:
        """Note what a write into an array means for others. Raises ``CompileError`` where it is none of a program."""
        root = x.value.root
        if root.kind == CAPTURE and not root.name:
            self.wants_arrays = True  # it may be a view of one that a name leads to
            raise self.refusal(
                "a computed value is written into a plain array of the step, which would not be new in later runs",
                "import numpy outside of the step and make it with np.zeros, or use mg.index_set, mg.index_add or "
                "mg.where",
            )
        if root.kind != RESULT:
            self.memory.verify(x.array)
        known = not self.may_lift or root.kind != CAPTURE or any(root.origin is array for array in self.written)
        if not known and is_named(self.reach, root.origin):
            self.wants = root.origin  # plain calls may read it: once more, with a recorded one in its place
            raise self.refusal("a plain array is written into", "compute a new array")
        leaves = self.saved_memory.write(x, self.program)
        if leaves and not self._places.in_update:  # an optimizer says so itself
            self.write_leaves(leaves)

    def _result(self, call: Call, result: Any, sources: list[Value], arrays: dict[int, Any]) -> Any:
        if isinstance(result, (tuple, list)):
            items = [self._result(call, item, sources, arrays) for item in result]
            return type(result)(*items) if hasattr(result, "_fields") else type(result)(items)
        value = self.program.new(RESULT, result)
        if isinstance(result, np.ndarray):
            for source in sources:  # what a view is of comes first; arguments may share memory with each other
                if source.is_array and np.may_share_memory(result, arrays[id(source)]):
                    value.root = source.root
                    break
        call.results.append(value)
        return Recorded(self, result, value)

    def _value(self, x: Any) -> Any:
        if isinstance(x, Recorded):
            if x.recording is not self:
                raise CompileError(
                    "mg.compile: an array of another recording is used here: return it from that function"
                )
            return x.value
        if type(x) is Number:
            return x.value
        if type(x) is Count:
            return int(x)
        return self.capture(x).value if is_value(x) else x

    # -- numbers of Python that the step computes (see minigrad.compiler.tracing.computed_numbers) -------------

    item = computed_numbers.item
    decide = computed_numbers.decide
    leaving = computed_numbers.leaving
    told = computed_numbers.told

    def refusal(self, what: str, rewrite: str) -> CompileError:
        """The error, with the user's line; it is raised again at the end if the step catches it."""
        if not self.active:
            what, rewrite = LEFT
        refusal = CompileError(f"mg.compile: {what}:\n  {user_line()}\n{rewrite}")
        self.refused = self.refused or refusal
        return refusal

    def wants_lifts(self, error: Exception) -> bool:
        """Whether a step was refused for what it does with plain arrays."""
        wants = self.wants_arrays or self.wants is not None or isinstance(error, UnseenWriteError)
        return wants and isinstance(error, CompileError)

    # -- what is no arithmetic ----------------------------------------------------------------

    def assume(self, condition: Recorded, answer: bool) -> None:
        """A formula looked at the data: in each run the answer must be the same, before anything is written."""
        self.note(Call(Host("assume", expected=answer), (condition.value,), {}, [], []))

    assign = assigned_data.assign
    settle = assigned_data.settle_early
    write_leaves = effects.write_leaves
    update = effects.update
    check_made_inside = effects.check_made_inside

    def draw(
        self, function: Callable[..., Any], generator: Any, args: tuple[Any, ...], options: dict[str, Any] | None = None
    ) -> Recorded:
        """Random numbers."""
        named = {key: taken(x) for key, x in (options or {}).items()}
        return self.draws.draw(self, function, original_of(generator), taken(args), named)

    # -- the end ------------------------------------------------------------------------------

    def leave_out(self) -> None:
        """Let no program be made of this run: it takes a rare turn, such as an update that is left out."""
        self.is_usual = False

    finished = finish.finished

    def release(self) -> None:
        """Take every recorded array out of the leaves; what is left elsewhere may not be used any more."""
        for leaf in self.leaves:
            grad: Any = leaf.grad
            if isinstance(grad, Recorded):
                leaf.grad = np.asarray(grad.array)
        for reference in self.all_numbers:
            number = reference()
            if number is not None:
                number.recording = Over  # the step may have kept it
        self.active = False
        for table in self._places.of_nodes, self.steps, self.comparisons:
            table.clear()
