"""A whole kernel as LLVM's text: the function, the formulas that it uses, and its entries from outside.

Arrays do not overlap: without that promise (``noalias``) no loop would become vector instructions. Who makes a kernel
keeps it (``passes/grouping.py``).
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from minigrad.compiler.backends.formulas import CONTRACT, Formula
from minigrad.compiler.backends.kernel_kinds import Kind
from minigrad.compiler.backends.kernel_reader import parsed
from minigrad.compiler.backends.kernel_values import Argument, result_type
from minigrad.compiler.backends.translation import Function

#: Bytes before the address of an array's first element in an array object, see ``machine_code``.
HEADER = object.__basicsize__


class Module:
    """LLVM's text for one kernel and the formulas that it uses."""

    def __init__(self) -> None:
        self._formulas: dict[Any, tuple[str, list[Kind]]] = {}
        self._texts: list[str] = []
        self._declared: set[str] = set()

    def formula(self, formula: Formula, kinds: tuple[Kind, ...]) -> tuple[str, list[Kind]]:
        """The symbol of a formula for operands of some types, and the types of its results."""
        key = id(formula), kinds
        if key not in self._formulas:
            function = Function(formula.node, self.formula, formula.names, formula.flags)
            lines = function.translated([Argument(kind, False) for kind in kinds])
            symbol = f"@{formula.node.name}.{len(self._formulas)}"
            parameters = ", ".join(f"{kind.ir} %x{k}" for k, kind in enumerate(kinds))
            head = f"define internal {result_type(function.result)} {symbol}({parameters}) alwaysinline nounwind {{"
            self._texts.append("\n".join([head, *lines, "}"]))
            self._declared |= function.used
            self._formulas[key] = symbol, function.result
        return self._formulas[key]

    def kernel(self, node: ast.FunctionDef, arguments: Sequence[Argument], name: str) -> str:
        """The module: the kernel under its name, and below another one what calls it with a table of its arguments."""
        function = Function(node, self.formula, {}, CONTRACT)
        lines = [*function.translated(arguments), *function.ended()]
        parameters = ", ".join(
            f"{x.ir} {f'noalias nocapture dereferenceable({max(x.kind.bits // 8, 1)}) ' if x.is_array else ''}%x{k}"
            for k, x in enumerate(arguments)
        )
        head = f'define internal i32 @inner({parameters}) noinline nounwind "no-builtins" {{'
        declared = sorted(self._declared | function.used)
        memory = ["declare noalias ptr @minigrad_malloc(i64)", "declare void @minigrad_free(ptr)"]
        entries = [_of_objects(arguments, name), _of_table(arguments, name)]
        return "\n".join([*declared, *memory, *self._texts, head, *lines, "}", *entries, ""])


def _of_objects(arguments: Sequence[Argument], name: str) -> str:
    """An entry that takes array objects, and finds their memory."""
    parameters, lines, operands = [], [], []
    for k, x in enumerate(arguments):
        ir = "i8" if x.kind.family == "b" and not x.is_array else x.ir
        parameters.append(f"{ir} %x{k}")
        if x.is_array:
            lines += [f"  %a{k} = getelementptr i8, ptr %x{k}, i64 {HEADER}", f"  %d{k} = load ptr, ptr %a{k}"]
        elif x.kind.family == "b":
            lines.append(f"  %d{k} = icmp ne i8 %x{k}, 0")
        operands.append(f"{x.ir} %{'d' if x.is_array or x.kind.family == 'b' else 'x'}{k}")
    lines += [f"  %code = call i32 @inner({', '.join(operands)})", "  ret i32 %code"]
    return "\n".join([f"define i32 @{name}({', '.join(parameters)}) nounwind {{", *lines, "}"])


def _of_table(arguments: Sequence[Argument], name: str) -> str:
    """An entry that takes the first two numbers, and a table of all other arguments, of eight bytes each."""
    lines, operands = [], ["i64 %x0", "i64 %x1"]
    for k, x in enumerate(arguments[2:]):
        ir = "i8" if x.kind.family == "b" and not x.is_array else x.ir
        lines += [f"  %p{k} = getelementptr i8, ptr %table, i64 {8 * k}", f"  %l{k} = load {ir}, ptr %p{k}"]
        if ir != x.ir:
            lines.append(f"  %t{k} = icmp ne i8 %l{k}, 0")
        operands.append(f"{x.ir} %{'l' if ir == x.ir else 't'}{k}")
    lines += [f"  %code = call i32 @inner({', '.join(operands)})", "  ret i32 %code"]
    return "\n".join([f"define i32 @{name}_t(ptr %table, i64 %x0, i64 %x1) nounwind {{", *lines, "}"])


def translated(text: str, arguments: Sequence[Argument], name: str) -> str:
    """LLVM's text for a kernel. Raises ``OutsideError``."""
    return Module().kernel(parsed(text), arguments, name)
