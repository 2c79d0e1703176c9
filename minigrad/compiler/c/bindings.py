"""The names in a kernel's text: where each one lives, which arrays are written, and what nobody reads."""

from __future__ import annotations

import ast
import re


def declares(line: str) -> bool:
    """Whether a line declares a name."""
    return re.match(r"(float|double|bool|\w+_t) ", line) is not None


def with_all_used(lines: list[str], used: set[str]) -> list[str]:
    """The lines, with a (void) for each number that nobody reads, since loops without a turn are left out."""
    result = []
    for line in lines:
        result.append(line)
        text = line.strip()
        assignment = re.match(r"\w+ \*?(\w+) = ", text)
        if assignment and declares(text) and assignment[1] not in used and not text.startswith("for"):
            result.append(f"{line[: len(line) - len(line.lstrip())]}(void){assignment[1]};")
    return result


def _parts(node: ast.stmt) -> list[tuple[int, list[ast.stmt]]]:
    """The blocks of a statement, each with its number."""
    if isinstance(node, ast.For):
        return [(id(node), node.body)]
    if isinstance(node, ast.If):
        return [(2 * id(node), node.body), (2 * id(node) + 1, node.orelse)]
    return []


def _heads(node: ast.stmt) -> list[ast.AST]:
    """The parts of a statement that are run in its own block, not in one below."""
    if isinstance(node, ast.For):
        return [node.iter]
    return [node.test] if isinstance(node, ast.If) else [node]


def homes(nodes: list[ast.stmt]) -> dict[str, tuple[int, ...]]:
    """{name: the innermost block with all its mentions}."""
    places: dict[str, tuple[int, ...]] = {}

    def visit(body: list[ast.stmt], path: tuple[int, ...]) -> None:
        for node in body:
            for head in _heads(node):
                for x in ast.walk(head):
                    if isinstance(x, ast.Name):
                        before = places.get(x.id)
                        places[x.id] = path if before is None else _common(before, path)
            for number, part in _parts(node):
                visit(part, (*path, number))

    visit(nodes, ())
    return places


def _common(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    count = 0
    while count < min(len(one), len(other)) and one[count] == other[count]:
        count += 1
    return one[:count]


def assigned(nodes: list[ast.stmt]) -> list[str]:
    """The names that are assigned to, once for each time."""
    return [x.id for node in nodes for x in ast.walk(node) if isinstance(x, ast.Name) and isinstance(x.ctx, ast.Store)]


def written(nodes: list[ast.stmt]) -> set[str]:
    """The arrays with elements that are written, and those that get another name."""
    names = set()
    for node in nodes:
        for x in ast.walk(node):
            if isinstance(x, ast.Subscript) and isinstance(x.ctx, ast.Store):
                names.add(ast.unparse(x.value))
    for node in nodes:
        for x in ast.walk(node):
            if isinstance(x, ast.Assign) and isinstance(x.targets[0], (ast.Tuple, ast.Name)):
                pairs = zip(ast.walk(x.targets[0]), ast.walk(x.value), strict=False)
                names |= {b.id for a, b in pairs if isinstance(a, ast.Name) and isinstance(b, ast.Name)}
    return names


def without_unused(nodes: list[ast.stmt]) -> list[ast.stmt]:
    """The statements without those that give a name to what nobody reads."""
    while True:
        read = {
            x.id for node in nodes for x in ast.walk(node) if isinstance(x, ast.Name) and isinstance(x.ctx, ast.Load)
        }
        used = _kept(nodes, read)
        if ast.dump(ast.Module(used, [])) == ast.dump(ast.Module(nodes, [])):
            return nodes
        nodes = used


def _kept(nodes: list[ast.stmt], read: set[str]) -> list[ast.stmt]:
    needed: list[ast.stmt] = []
    for node in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id not in read:
            continue
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Tuple)
            and isinstance(node.value, ast.Tuple)
        ):
            pairs = zip(node.targets[0].elts, node.value.elts, strict=True)
            used = [(x, y) for x, y in pairs if not isinstance(x, ast.Name) or x.id in read]
            if used:
                names, values = zip(*used, strict=True)
                needed.append(ast.Assign([ast.Tuple([*names], ast.Store())], ast.Tuple([*values], ast.Load())))
            continue
        if isinstance(node, ast.For):
            body = _kept(node.body, read)
            if body:
                needed.append(ast.For(node.target, node.iter, body, []))
            continue
        if isinstance(node, ast.If):
            body = _kept(node.body, read) or [ast.Pass()]
            needed.append(ast.If(node.test, body, _kept(node.orelse, read)))
            continue
        needed.append(node)
    return needed
