"""Numbers of a kernel and what is done with them, as LLVM's instructions.

The rules are those of NumPy: operands of one operation have one type, integers wrap around, an unequal NaN is unequal,
and a plain Python number takes the type of the other operand. What is none of this is refused: ``OutsideError``.
"""

from __future__ import annotations

import ast
import struct
from typing import Any, NamedTuple

import numpy as np

from minigrad.compiler.backends.kernel_kinds import B1, F4, F8, I4, I8, KINDS, Kind, OutsideError
from minigrad.compiler.backends.kernel_reader import Inline, Reader


class Operand(NamedTuple):
    """A number: its type, None of a plain Python number; and its name, or what it is."""

    kind: Kind | None
    value: Any

    @property
    def number(self) -> Any:
        """The number, where that is known."""
        return self.value if self.kind is None else None


def constant(x: Any, kind: Kind) -> Operand:
    """A Python or NumPy number in a type."""
    if kind.family == "f":
        number = float(np.float32(x)) if kind is F4 else float(x)
        return Operand(kind, f"0x{struct.unpack('<Q', struct.pack('<d', number))[0]:016X}")
    if isinstance(x, float) or (kind.family == "b" and not isinstance(x, (bool, np.bool_))):
        raise OutsideError(f"{x!r} as {kind.name}")
    number = int(x)
    low, high = (0, 2**kind.bits) if kind.family in "ub" else (-(2 ** (kind.bits - 1)), 2 ** (kind.bits - 1))
    if not low <= number < high:
        raise OutsideError(f"{x!r} as {kind.name}")
    return Operand(kind, str(number))


_ARITHMETIC: dict[Any, dict[str, str]] = {
    ast.Add: {"f": "fadd", "i": "add", "u": "add"},
    ast.Sub: {"f": "fsub", "i": "sub", "u": "sub"},
    ast.Mult: {"f": "fmul", "i": "mul", "u": "mul"},
    ast.Div: {"f": "fdiv"},
    ast.FloorDiv: {"u": "udiv"},
    ast.Mod: {"u": "urem"},
    ast.BitAnd: {"i": "and", "u": "and", "b": "and"},
    ast.BitOr: {"i": "or", "u": "or", "b": "or"},
    ast.BitXor: {"i": "xor", "u": "xor", "b": "xor"},
    ast.LShift: {"i": "shl", "u": "shl"},
    ast.RShift: {"i": "ashr", "u": "lshr"},
}
_COMPARED: dict[Any, tuple[str, str, str]] = {  # floats, signed, unsigned
    ast.Lt: ("olt", "slt", "ult"),
    ast.LtE: ("ole", "sle", "ule"),
    ast.Gt: ("ogt", "sgt", "ugt"),
    ast.GtE: ("oge", "sge", "uge"),
    ast.Eq: ("oeq", "eq", "eq"),
    ast.NotEq: ("une", "ne", "ne"),
}
_INTRINSICS = {"sqrt": "sqrt", "floor": "floor", "ceil": "ceil", "rint": "rint", "abs": "fabs"}


class Numbers(Reader):
    """The instructions of one function, and the operations that add to them."""

    kinds, counter = KINDS, I8

    def __init__(self, inline: Inline, names: dict[str, Any], flags: str) -> None:
        super().__init__(inline, names)
        self.lines: list[str] = []
        self.used: set[str] = set()  # declarations of LLVM's own functions
        self._flags = flags
        self._count = 0

    def new(self, hint: str = "v") -> str:
        """A name that is not taken."""
        self._count += 1
        return f"%{hint}.{self._count}"

    def put(self, text: str, kind: Kind | None = None, hint: str = "v") -> Operand:
        """An instruction with a result."""
        name = self.new(hint)
        self.lines.append(f"  {name} = {text}")
        return Operand(kind, name)

    def fast(self, family: str) -> str:
        """What the compiler may do with an operation on floats."""
        return f"{self._flags} " if family == "f" and self._flags else ""

    def _regardless(self, kind: Kind) -> str:
        """What comparisons and choices of floats need not mind: NaN, and the sign of 0."""
        flags = [flag for flag in self._flags.split() if flag in ("nnan", "nsz")] if kind.family == "f" else []
        return "".join(f"{flag} " for flag in flags)

    # -- types --------------------------------------------------------------------------------

    def number(self, x: Any) -> Operand:
        """A number of Python's."""
        return Operand(None, x)

    def constant(self, x: Any, kind: Kind) -> Operand:
        """A number in a type."""
        return constant(x, kind)

    def settled(self, x: Operand, kind: Kind) -> Operand:
        """A number in a type, repeated in each of its lanes."""
        if kind.lanes > 1 and (x.kind is None or x.kind is kind.one):
            return self.repeated(self.settled(x, kind.one), kind)
        settled: Operand = super().settled(x, kind)
        return settled

    def repeated(self, x: Operand, kind: Kind) -> Operand:
        """One number in all lanes."""
        ir = kind.ir
        first = self.put(f"insertelement {ir} poison, {kind.one.ir} {x.value}, i64 0")
        return self.put(f"shufflevector {ir} {first.value}, {ir} poison, <{kind.lanes} x i32> zeroinitializer", kind)

    def head(self, address: str, kind: Kind, count: Operand) -> Operand:
        """The first ``count`` numbers from an address on, and zeros in the other lanes: those are not read."""
        suffix, mask_ir = f"v{kind.lanes}f{kind.bits}", f"<{kind.lanes} x i1>"
        mask_of = f"@llvm.get.active.lane.mask.v{kind.lanes}i1.i64"
        self.used.add(f"declare {mask_ir} {mask_of}(i64, i64)")
        self.used.add(f"declare {kind.ir} @llvm.masked.load.{suffix}.p0(ptr, i32, {mask_ir}, {kind.ir})")
        mask = self.put(f"call {mask_ir} {mask_of}(i64 0, i64 {count.value})")
        arguments = f"ptr {address}, i32 1, {mask_ir} {mask.value}, {kind.ir} zeroinitializer"
        return self.put(f"call {kind.ir} @llvm.masked.load.{suffix}.p0({arguments})", kind)

    def total(self, x: Operand) -> Operand:
        """The sum of all lanes, in any order."""
        kind = x.kind
        if kind is None or kind.lanes == 1:
            raise OutsideError("the sum of one number")
        function = f"@llvm.vector.reduce.fadd.v{kind.lanes}f{kind.bits}"
        self.used.add(f"declare {kind.one.ir} {function}({kind.one.ir}, {kind.ir})")
        zero = constant(-0.0, kind.one).value
        return self.put(f"call reassoc {kind.one.ir} {function}({kind.one.ir} {zero}, {kind.ir} {x.value})", kind.one)

    def cast(self, x: Operand, kind: Kind) -> Operand:
        """A number in another type."""
        if x.kind is None:
            if kind.family == "b":
                return constant(bool(x.value), kind)
            return constant(int(x.value) if kind.family in "iu" else x.value, kind)
        old = x.kind
        if old is kind:
            return x
        if old.lanes > 1:
            raise OutsideError(f"{old.name} as {kind.name}")
        if kind.family == "b":
            zero = constant(0, old).value
            return self.put(f"{'fcmp une' if old.family == 'f' else 'icmp ne'} {old.ir} {x.value}, {zero}", kind)
        if old.family == "f" and kind.family == "f":
            name = "fpext" if kind.bits > old.bits else "fptrunc"
        elif old.family == "f":
            name = "fptoui" if kind.family == "u" else "fptosi"
        elif kind.family == "f":
            name = "sitofp" if old.family == "i" else "uitofp"
        elif kind.bits == old.bits:
            return Operand(kind, x.value)
        else:
            name = "trunc" if kind.bits < old.bits else "sext" if old.family == "i" else "zext"
        return self.put(f"{name} {old.ir} {x.value} to {kind.ir}", kind)

    # -- operations ---------------------------------------------------------------------------

    def arithmetic(self, operator: Any, x: Operand, y: Operand) -> Operand:
        """x + y and its like."""
        x, y, kind = self.pair(x, y)
        name = _ARITHMETIC.get(type(operator), {}).get(kind.family)
        if name is None and kind.family == "i" and isinstance(operator, (ast.FloorDiv, ast.Mod)):
            return self._divided(x, y, kind, isinstance(operator, ast.Mod))
        if name is None:
            raise OutsideError(f"{type(operator).__name__} of {kind.name}")
        return self.put(f"{name} {self.fast(kind.family)}{kind.ir} {x.value}, {y.value}", kind)

    def _divided(self, x: Operand, y: Operand, kind: Kind, wants_rest: bool) -> Operand:
        """Python's whole quotient, towards minus infinity, or the rest that has the divisor's sign."""
        ir = kind.ir
        rest = self.put(f"srem {ir} {x.value}, {y.value}", kind)
        signs = self.put(f"xor {ir} {rest.value}, {y.value}", kind)
        apart = self.put(f"icmp slt {ir} {signs.value}, 0", B1)
        left = self.put(f"icmp ne {ir} {rest.value}, 0", B1)
        lower = self.put(f"and i1 {apart.value}, {left.value}", B1)
        if wants_rest:
            added = self.put(f"add {ir} {rest.value}, {y.value}", kind)
            return self.chosen(lower, added, rest)
        quotient = self.put(f"sdiv {ir} {x.value}, {y.value}", kind)
        less = self.put(f"sub {ir} {quotient.value}, 1", kind)
        return self.chosen(lower, less, quotient)

    def negative(self, x: Operand) -> Operand:
        """-x."""
        if x.kind is None:
            return Operand(None, -x.value)
        if x.kind.family == "f":
            return self.put(f"fneg {x.kind.ir} {x.value}", x.kind)
        if x.kind.family == "i":
            return self.put(f"sub {x.kind.ir} 0, {x.value}", x.kind)
        raise OutsideError(f"the negative of {x.kind.name}")

    def opposite(self, x: Operand) -> Operand:
        """Not x, of a truth."""
        return self.put(f"xor i1 {self.settled(x, B1).value}, true", B1)

    def compared(self, operator: Any, x: Operand, y: Operand) -> Operand:
        """x < y and its like."""
        x, y, kind = self.pair(x, y)
        if type(operator) not in _COMPARED or kind.lanes > 1:
            raise OutsideError(type(operator).__name__)
        name = _COMPARED[type(operator)]["fiub".index(kind.family) if kind.family in "fi" else 2]
        family = "fcmp" if kind.family == "f" else "icmp"
        return self.put(f"{family} {self._regardless(kind)}{name} {kind.ir} {x.value}, {y.value}", B1)

    def chosen(self, test: Operand, x: Operand, y: Operand) -> Operand:
        """x if test else y, both of them computed."""
        x, y, kind = self.pair(x, y)
        truth = self.settled(test, B1).value
        return self.put(f"select {self._regardless(kind)}i1 {truth}, {kind.ir} {x.value}, {kind.ir} {y.value}", kind)

    def lesser(self, x: Operand, y: Operand, is_max: bool) -> Operand:
        """Python's min(x, y) or max(x, y): x, unless y is beyond it."""
        return self.chosen(self.compared(ast.Gt() if is_max else ast.Lt(), y, x), y, x)

    def intrinsic(self, name: str, *operands: Operand) -> Operand:
        """LLVM's own functions: np.sqrt, np.floor, abs and so on."""
        x = self.plain(operands[0])
        kind = x.kind
        assert kind is not None  # noqa: S101 - a plain number has one
        if name == "abs" and kind.family == "i":
            self.used.add(f"declare {kind.ir} @llvm.abs.{kind.ir}({kind.ir}, i1)")
            return self.put(f"call {kind.ir} @llvm.abs.{kind.ir}({kind.ir} {x.value}, i1 false)", kind)
        if kind.family != "f" or kind.lanes > 1:
            raise OutsideError(f"{name} of {kind.name}")
        settled = [x, *[self.settled(y, kind) for y in operands[1:]]]
        function = f"@llvm.{_INTRINSICS.get(name, name)}.f{kind.bits}"
        self.used.add(f"declare {kind.ir} {function}({', '.join([kind.ir] * len(settled))})")
        arguments = ", ".join(f"{kind.ir} {y.value}" for y in settled)
        return self.put(f"call {self.fast('f')}{kind.ir} {function}({arguments})", kind)

    def of_c(self, name: str, *operands: Operand) -> Operand:
        """A function of C's library, of numbers of one type: ``sin``, or ``sinf`` of float32."""
        kind = next((x.kind for x in operands if x.kind is not None), F8)
        if kind not in (F4, F8):
            raise OutsideError(f"{name} of {kind.name}")
        arguments = ", ".join(f"{kind.ir} {self.settled(x, kind).value}" for x in operands)
        function = f"@{name}{'f' * (kind is F4)}"
        self.used.add(f"declare {kind.ir} {function}({', '.join([kind.ir] * len(operands))}) nounwind")
        return self.put(f"call {kind.ir} {function}({arguments})", kind)

    def same_bits(self, x: Operand) -> Operand:
        """The bits of a float as an integer, and of an integer as a float."""
        kind = {F4: I4, F8: I8, I4: F4, I8: F8}.get(x.kind) if x.kind is not None else None
        if kind is None or x.kind is None:
            raise OutsideError("the bits of a plain number")
        return self.put(f"bitcast {x.kind.ir} {x.value} to {kind.ir}", kind)
