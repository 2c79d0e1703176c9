"""Where the values of a program lie in C, and the lines that call kernels on them."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.compiler.backends.kernel_kinds import B1
from minigrad.compiler.backends.kernel_values import Argument
from minigrad.compiler.c import layout
from minigrad.compiler.c.checked import prepared
from minigrad.compiler.c.elementwise import copied
from minigrad.compiler.c.form import Form
from minigrad.compiler.c.kernels import Kernels
from minigrad.compiler.c.kinds import kind_of, literal, stored
from minigrad.compiler.c.names import WORDS, element
from minigrad.compiler.c.places import Block, Place, Places, check
from minigrad.compiler.c.products import Product
from minigrad.compiler.c.rates import Rates
from minigrad.compiler.c.sketch import Sketch
from minigrad.compiler.c.state import State, iterations, span_of
from minigrad.compiler.c.workspace import Workspace
from minigrad.compiler.output.layout import named_optimizers
from minigrad.compiler.output.listing import Listing
from minigrad.compiler.passes.aliasing import Memory
from minigrad.compiler.passes.constants import is_constant
from minigrad.compiler.passes.grouping import Group
from minigrad.compiler.program import ARGUMENT, CAPTURE, GRADIENT, Call, Value, values_in
from minigrad.errors import CompileError

#: The most elements of a constant that stands in the file; a larger one is part of the state.
_SHORT = 1024


class Lines:
    """The places of a program's values, and the lines that call kernels on them."""

    def __init__(self, listing: Listing, calls: list[Call], prefix: str) -> None:
        self.listing = listing
        self.prefix = prefix
        self.calls, self.program, self._old = prepared(listing.program, calls)
        self.kernels = Kernels()
        own = {
            f"{prefix}_{name}"
            for name in ("state", "gradients", "layout", "workspace", "image_size", "init", "save", "run")
        }
        for word in sorted(WORDS | own):
            self.kernels.free(word)
        self.state = State(self.kernels, prefix)
        self.rates = Rates(self.kernels)
        self._constants: dict[Block, str] = {}
        self.lines: list[str] = []
        self.conditions: list[str] = []
        self.outputs: list[tuple[str, Block, Place]] = []  # name in C, its memory, the place that it copies
        self.gradients: list[tuple[str, Block, Place]] = []
        self._memory = Memory(self.calls, self.program)
        self._places = Places(self.program)
        self._workspace = Workspace()
        self._starts: dict[Block, int] = {}
        self._declared: dict[Block, str] = {}
        self._mentioned: set[Block] = set()
        self._optimizers = named_optimizers(listing)
        self._counters: dict[str, Block] = {}
        self._rate_count = 0
        self._temporary: list[Block] = []
        self._done: set[str] = set()
        self._blocks: dict[Value, Block] = {}
        self.arguments: list[tuple[str, Value, Block]] = []
        self._place_outside()

    # -- what comes from outside --------------------------------------------------------------

    def _used(self) -> list[Value]:
        """The roots that calls and results mention, in order."""
        used: dict[Value, None] = {}
        for call in self.calls:
            for value in [*call.values, *call.writes, *call.results]:
                used.setdefault(value.root)
            if isinstance(call.function, Group):
                for member in call.function.members:
                    for value in [*member.values, *member.call.writes]:
                        used.setdefault(value.root)
        for value in [*values_in(self.program.outputs), *[value for _, value in self.program.gradients]]:
            used.setdefault(value.root)
        return list(used)

    def _place_outside(self) -> None:
        used = self._used()
        written = {value.root for call in self.calls for value in call.writes}
        scratch = {
            id(array)
            for optimizer in self._optimizers.values()
            for flats in optimizer._flats
            for flat in flats
            for array in (flat._gradients, *flat._scratch)
        }
        captured, self._work = [], []
        for value in used:
            if value.kind != CAPTURE:
                continue
            check(value, value.name or "a constant")
            if id(value.origin) in scratch or value.name == "scratch":
                self._work.append(value)
            elif is_constant(value) and value not in written and 0 < span_of([value.origin]).size <= _SHORT:
                whole = span_of([value.origin])
                self._places.put(value, self._constant(whole).block, whole)
            else:
                captured.append(value)
        empty = [value for value in captured if not value.origin.size]
        for value in empty:
            self._places.put(
                value, Block(kind_of(value.dtype), 0, f"({stored(kind_of(value.dtype))} *)work"), value.origin
            )
        for value, (block, whole) in self.state.add_captured(
            [value for value in captured if value.origin.size], self._optimizers
        ).items():
            self._places.put(value, block, whole)
        for name, optimizer in self._optimizers.items():
            self._counters[name] = iterations(self.state, name, optimizer)
        for value in [value for value in used if value.kind == GRADIENT]:
            check(value, "a gradient")
            name = f"{self.program.leaf_names.get(value.origin, 'leaf')}_grad"
            array = value.origin.grad
            content = np.zeros(value.shape, value.dtype) if array is None else np.ascontiguousarray(array)
            self._places.put(value, self.state.add(name, kind_of(value.dtype), content))
        for value in self.program.of_kind(ARGUMENT):
            name = self.kernels.free(self.listing.name(self._old[value]) or "x")
            check(value, f"the argument {name}")
            block = Block(kind_of(value.dtype), int(np.prod(value.shape, dtype=int)), name)
            self.arguments.append((name, value, block))

    def _constant(self, array: np.ndarray) -> Place:
        """An array in the file."""
        name = self.kernels.free("constant")
        flat, kind = np.ascontiguousarray(array).reshape(-1), kind_of(array.dtype)
        numbers = [literal(x.item(), kind) if kind is not B1 else str(int(x)) for x in flat]
        block = Block(kind, flat.size, name)
        head = f"static const {stored(kind)} {name}[{max(flat.size, 1)}] = {{"
        self._constants[block] = "\n".join(layout.listed(head, numbers or ["0"], "};"))
        return Place.whole(block, array.shape)

    # -- the calls ----------------------------------------------------------------------------

    def _take_argument(self, name: str, value: Value, block: Block) -> None:
        steps = np.empty(value.shape, np.uint8).strides
        itemsize = value.dtype.itemsize
        axes = zip(value.shape, value.strides, steps, strict=True)
        dense = all(n == 1 or s == own * itemsize for n, s, own in axes)
        if dense or 0 in value.shape:
            self._places.put(value, block)
            return
        if any(value is x.root for call in self.calls for x in call.writes):
            raise CompileError(f"export: the step writes into {name}, whose elements do not lie one after the other")
        copy = self._hold(value, name)
        self.lines.append(f"/* {name}, as it lay in memory */")
        form = self._form()
        copied(form, Place.whole(block, value.shape), self._places[value])
        self._emit(form, copy.text, "the argument's layout")

    def _hold(self, root: Value, wish: str = "") -> Block:
        """Memory for a root in the workspace."""
        check(root, wish)
        before, after = self._places.extent(root)
        itemsize = max(kind_of(root.dtype).bits // 8, 1)
        old = self._old.get(root)
        name = (old and self.listing.name(old)) or wish or root.name or "part"
        block = Block(kind_of(root.dtype), max((before + after) // itemsize, 1), self.kernels.free(name))
        self._starts[block] = self._workspace.take(block)
        probe = self._places.probe(root)
        if before:
            low = np.ndarray((), probe.dtype, probe.base, 0) if probe.base is not None else probe
            self._places.put(root, block, low)
        else:
            self._places.put(root, block)
        self._blocks[root] = block
        return block

    def _new_temporary(self, kind: Any, size: int) -> Block:
        block = Block(kind, max(size, 1), self.kernels.free("beside"))
        self._starts[block] = self._workspace.take(block)
        self._temporary.append(block)
        return block

    def _form(self) -> Form:
        return Form(lambda value: self._places[value], self._constant, self._new_temporary)

    # -- kernels ------------------------------------------------------------------------------

    def _kernel(self, text: str, arguments: list[Any], operands: list[Any], wish: str, comment: str) -> None:
        names = text[len("def kernel(") : text.index("):")].split(",")
        places = dict(zip([x.strip() for x in names if x.strip()], operands, strict=True))
        called, body = self.kernels.kernel(text, arguments, f"{wish}_kernel", comment)
        if not body.lines:
            return
        texts = []
        for name, shown in body.parameters.items():
            text_ = self._text(places[name])
            texts.append(text_ if "*" in shown else element(text_))
        if body.own:
            texts.append(self._text(Place(self._new_temporary(kind_of(np.dtype(np.uint8)), body.own), 0, (), ())))
        self.lines += [*layout.comment(comment), *layout.listed(f"{called}(", texts, ");")]

    def _emit(self, form: Form, wish: str, comment: str) -> None:
        for item in form.made:
            if isinstance(item, Product):
                self._product(item, comment)
                continue
            text, operands = item.text() if isinstance(item, Sketch) else item
            arguments = [Argument(x.kind, True) if isinstance(x, Place) else x for x in operands]
            self._kernel(text, arguments, operands, wish, comment)

    def _product(self, item: Product, comment: str) -> None:
        x, w, z = item.places
        self.kernels.products.add(z.kind.name)
        lead = len(item.lead)
        names = [f"p{axis}" for axis in range(lead)]
        loops = [(name, n) for name, n in zip(names, item.lead, strict=True) if n != 1]
        heads = [f"for (ptrdiff_t {name} = 0; {name} < {n}; {name}++)" for name, n in loops]
        texts = []
        for place in (x, w, z):
            terms = [
                f"{name} * {s}" for name, s, n in zip(names, place.strides, item.lead, strict=False) if s and n != 1
            ]
            texts.append(", ".join([" + ".join([self._text(place), *terms]), *map(str, place.strides[lead:])]))
        self.lines += layout.comment(comment)
        self.lines += ["    " * depth + head for depth, head in enumerate(heads)]
        call = layout.listed(f"product_{z.kind.name}(", [*map(str, item.sizes), *texts], ");")
        self.lines += ["    " * len(heads) + line for line in call]

    def _text(self, place: Place) -> str:
        self._mentioned.add(place.block)
        return place.text

    # -- text ---------------------------------------------------------------------------------

    @property
    def constants(self) -> list[str]:
        """The declarations of constants."""
        return [text for block, text in self._constants.items() if block in self._mentioned]

    @property
    def work_size(self) -> int:
        """The bytes of the workspace."""
        return self._workspace.size

    def declarations(self) -> list[str]:
        """The names of what lies in the workspace."""
        lines = []
        for block, start in self._starts.items():
            if block in self._mentioned:
                is_own = block.text.startswith("beside") and block.kind.name == "u1"
                c, place = "unsigned char" if is_own else stored(block.kind), f"(work + {start})" if start else "work"
                lines.append(f"{c} *const {block.text} = ({c} *){place};")
        if self._rate_count:
            lines.append(f"double rate[{self._rate_count}];")
        return lines
