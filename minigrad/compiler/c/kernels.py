"""The functions of a file: kernels, each once however often it is called, and what they use."""

from __future__ import annotations

import re
from typing import Any

from minigrad.compiler.backends.formulas import Formula
from minigrad.compiler.backends.kernel_kinds import Kind
from minigrad.compiler.backends.kernel_reader import parsed
from minigrad.compiler.backends.kernel_values import Argument
from minigrad.compiler.c import layout
from minigrad.compiler.c.kinds import held, helper
from minigrad.compiler.c.translation import Function, Made
from minigrad.support.codegen import free_name


def identifier(text: str) -> str:
    """A name in C that is near to a text."""
    plain = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_") or "x"
    return f"_{plain}" if plain[0].isdigit() else plain


class Kernels:
    """Collects them."""

    def __init__(self) -> None:
        self.helpers: dict[str, str] = {}
        self.formulas: dict[str, str] = {}
        self.kernels: dict[str, str] = {}
        self.products: set[str] = set()
        self.flushes: set[str] = set()
        self._known: dict[Any, tuple[str, list[Kind]]] = {}
        self._made: dict[Any, tuple[str, Made]] = {}
        self._taken: set[str] = set()

    def free(self, wish: str) -> str:
        """A name that nothing else has."""
        return free_name(identifier(wish), self._taken)

    def helper(self, name: str, kind: Kind, into: Kind | None = None) -> str:
        """See ``terms.Library``."""
        called, text = helper(name, kind, into)
        self.helpers[called] = text
        return called

    def formula(self, formula: Formula, kinds: tuple[Kind, ...]) -> tuple[str, list[Kind]]:
        """See ``terms.Library``."""
        key = id(formula), kinds
        if key not in self._known:
            function = Function(formula.node, self, formula.names)
            body = function.made([Argument(kind, False) for kind in kinds])
            called = self.free(f"{formula.node.name}_{kinds[0].name}")
            parameters = [f"{held(kind)} {x.arg}" for x, kind in zip(formula.node.args.args, kinds, strict=True)]
            result = held(body.results[0]) if len(body.results) == 1 else "void"
            if len(body.results) > 1:
                parameters += [f"{held(kind)} *out{k}" for k, kind in enumerate(body.results)]
            head = layout.listed(f"static inline {result} {called}(", parameters, ")")
            self.formulas[called] = "\n".join([*head, "{", *body.lines, "}"])
            self._known[key] = called, body.results
        return self._known[key]

    def kernel(self, text: str, arguments: list[Any], wish: str, comment: str) -> tuple[str, Made]:
        """The name of a kernel for these arguments, and its parameters and lines."""
        key = text, tuple([(type(x).__name__, x) for x in arguments])
        if key not in self._made:
            body = Function(parsed(text), self, {}).made(arguments)
            called = self.free(wish) if body.lines else ""
            parameters = [*body.parameters.values(), *["unsigned char *own"] * bool(body.own)]
            if body.lines:
                head = [*layout.comment(comment), *layout.listed(f"static void {called}(", parameters or ["void"], ")")]
                self.kernels[called] = "\n".join([*head, "{", *body.lines, "}"])
            self._made[key] = called, body
        return self._made[key]
