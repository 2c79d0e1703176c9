"""An optimizer's rates as C: the text of its class, with its numbers put in, where the count of steps is what varies.

What is known when the file is written (hyperparameters, schedules, which branch of a test on them) is worked out by
Python. The rest, what depends on the count, becomes functions of numbers: arithmetic, comparisons, ``if`` and
``while``, and the functions of ``math``.
"""

from __future__ import annotations

import ast
import re
from typing import Any

from minigrad.compiler.backends.kernel_kinds import F8, Kind
from minigrad.compiler.c.kernels import Kernels
from minigrad.compiler.c.kinds import held
from minigrad.compiler.c.rate_values import Owner, Values, is_counted, key_of, kind_of
from minigrad.compiler.c.terms import Term
from minigrad.compiler.output.definitions import source_of
from minigrad.optim.optimizer import Optimizer


class Rates:
    """The functions for the rates of a program's optimizers."""

    def __init__(self, kernels: Kernels) -> None:
        self.texts: list[str] = []
        self.kernels = kernels
        self._made: dict[Any, tuple[str, Any]] = {}
        self._kept: list[Any] = []  # what is known by its id lives

    def of(self, optimizer: Optimizer, number: int, missed: int, name: str) -> tuple[str, int]:
        """(the function of the count of steps and of an array of rates, how many of them there are)."""
        group = {key: x for key, x in optimizer.param_groups[number].items() if key != "params"}
        body = Body(self, Optimizer.rates, {})
        returned = body.applied(type(optimizer).rates, [Owner(optimizer, missed), group], {})
        numbers = returned if type(returned) is tuple else (returned,)
        called = self.kernels.free(f"{name}_rates")
        lines = [*body.lines, *[f"    rate[{k}] = {body.term(x, F8).text};" for k, x in enumerate(numbers)]]
        head = f"static void {called}(int64_t iterations, double *rate)"
        self.texts.append("\n".join([head, "{", "    (void)iterations;", *lines, "}"]))
        return called, len(numbers)

    def function(self, function: Any, known: dict[str, Any]) -> tuple[str, Any]:
        """(its name in C, what it gives: what is known, a kind, or a list of them) of a function for arguments."""
        key = function, tuple([(name, x.kind if isinstance(x, Term) else key_of(x)) for name, x in known.items()])
        if key not in self._made:
            self._kept.append(known)
            names = {name: Term(x.kind, f"{name}_") if isinstance(x, Term) else x for name, x in known.items()}
            body = Body(self, function, names)
            body.go_through()
            if not body.returned:
                raise body.refusal("a function that returns nothing")
            if not body.lines[:-1] and len(body.returned) == 1 and not is_counted(body.returned[0]):
                self._made[key] = "", body.returned[0]
                return self._made[key]
            result = body.result()
            called = self.kernels.free(f"{function.__name__.strip('_')}_of_step")
            parameters = ["int64_t iterations"]
            parameters += [f"{held(kind_of(x))} {x.text}" for x in names.values() if isinstance(x, Term)]
            parameters += [] if isinstance(result, Kind) else ["double *out"]
            head = f"static {held(result) if isinstance(result, Kind) else 'void'} {called}({', '.join(parameters)})"
            unused = [f"    (void){x.split(' ')[-1].lstrip('*')};" for x in parameters]
            body_lines = _without_unused(body.finished(result), [*body.variables])
            told = "\n".join(body_lines)
            lines = [f"    {held(kind)} {x};" for x, kind in body.variables.items() if re.search(rf"\b{x}\b", told)]
            self.texts.append("\n".join([head, "{", *lines, *unused, *body_lines, "}"]))
            self._made[key] = called, result
        return self._made[key]


def _without_unused(lines: list[str], names: list[str]) -> list[str]:
    """The lines without those that give a number to a name that nobody reads."""
    while True:
        told = "\n".join(lines)
        idle = [x for x in names if not re.search(rf"(?<!\w){x}(?!\w)(?! = )", told)]
        used = [line for line in lines if not any(line.strip().startswith(f"{x} = ") for x in idle)]
        if len(used) == len(lines):
            return lines
        lines = used


class Body(Values):
    """One function of Python as C: its lines, and what its names stand for."""

    def __init__(self, rates: Rates, function: Any, names: dict[str, Any]) -> None:
        super().__init__(rates, function, {})
        self.locals.update(names)
        self._places: dict[str, str] = {}
        self._ended = False

    def go_through(self) -> None:
        """Go through the text."""
        (node,) = ast.parse(source_of(self._function)).body
        if not isinstance(node, ast.FunctionDef):
            raise self.refusal("a class")
        self.run(node.body)

    def result(self) -> Any:
        """What is returned: a kind, or a tuple of them."""
        if type(self.returned[0]) is tuple:
            return (F8,) * len(self.returned[0])
        kinds = {kind_of(x) for x in self.returned}
        return kinds.pop() if len(kinds) == 1 else F8

    def finished(self, result: Any) -> list[str]:
        """The lines, with what is returned in its kind."""
        lines = []
        for line in self.lines:
            indent, _, rest = line.partition("@return ")
            if not rest and "@return " not in line:
                lines.append(line)
                continue
            x = self.returned[int(rest)]
            if isinstance(result, Kind):
                lines.append(f"{indent}return {self.term(x, result).text};")
                continue
            if len(x) != len(result):
                raise self.refusal("another number of results in another branch")
            lines += [f"{indent}out[{k}] = {self.term(item, F8).text};" for k, item in enumerate(x)]
            lines.append(f"{indent}return;")
        return lines

    # -- statements ---------------------------------------------------------------------------

    def line(self, node: ast.stmt) -> None:
        """One line, with those in it; what comes after a return is left out."""
        if self._ended:
            return
        if isinstance(node, ast.Return) and node.value is not None:
            self.returned.append(self.value(node.value))
            self.put(f"@return {len(self.returned) - 1}")
            self._ended = True
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            self._bind(node.targets[0], self.value(node.value))
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            self._bind(node.target, self.value(node.value))
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            load = ast.Name(node.target.id, ast.Load())
            self._bind(node.target, self.value(ast.BinOp(load, node.op, node.value)))
        elif isinstance(node, ast.If):
            self._if(node)
        elif isinstance(node, ast.While) and not node.orelse:
            self._while(node)
        elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            raise self.refusal(ast.unparse(node).split("\n")[0])

    def _bind(self, target: ast.expr, x: Any) -> None:
        if isinstance(target, (ast.Tuple, ast.List)):
            if isinstance(x, Term) or not isinstance(x, (tuple, list)) or len(x) != len(target.elts):
                raise self.refusal(ast.unparse(target))
            parts = [self.named(item) if is_counted(item) else item for item in x]  # a, b = b, a
            for part, item in zip(target.elts, parts, strict=True):
                self._bind(part, item)
        elif not isinstance(target, ast.Name):
            raise self.refusal(f"writing to {ast.unparse(target)}")
        elif target.id in self._places:
            kind = self.variables[self._places[target.id]]
            self.put(f"{self._places[target.id]} = {self.term(x, kind).text};")
        elif isinstance(x, Term):
            self.locals[target.id] = self.named(x, target.id)
        else:
            self.locals[target.id] = x

    def _fix(self, nodes: list[ast.stmt]) -> None:
        """Names that lines of unknown fate assign to become variables."""
        stored = [
            x.id for node in nodes for x in ast.walk(node) if isinstance(x, ast.Name) and isinstance(x.ctx, ast.Store)
        ]
        for name in dict.fromkeys(stored):
            known = self.locals.get(name)
            if name in self._places or not isinstance(known, (int, float, Term)):
                continue
            kind = kind_of(known)
            place = self.variable(name, kind)
            self.put(f"{place} = {self.term(known, kind).text};")
            self._places[name], self.locals[name] = place, Term(kind, place)

    def _if(self, node: ast.If) -> None:
        test = self.value(node.test)
        if not isinstance(test, Term):
            self.run(node.body if test else node.orelse)
            return
        self._fix([node])
        self.put(f"if ({test.text}) {{")
        ends = []
        for number, part in enumerate((node.body, node.orelse)):
            if number and part:
                self.put("} else {")
            before = dict(self.locals)
            self._depth += 1
            self.run(part)
            self._depth -= 1
            ends.append(self._ended)
            if not self._ended and self.locals.keys() - before.keys() and part:
                self.locals = {key: x for key, x in self.locals.items() if key in before}
            self._ended = False
        self.put("}")
        self._ended = all(ends)

    def _while(self, node: ast.While) -> None:
        self._fix([node])
        start = len(self.lines)
        test = self.value(node.test)
        if not isinstance(test, Term) or len(self.lines) > start:
            raise self.refusal(f"while {ast.unparse(node.test)}")
        self.put(f"while ({test.text}) {{")
        self._depth += 1
        self.run(node.body)
        self._depth -= 1
        self.put("}")
