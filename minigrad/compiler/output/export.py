"""``step.export("step.py")``: the program as a module that needs NumPy and nothing else, and its arrays beside it."""

from __future__ import annotations

import ast
import inspect
import os
import textwrap
import types
from pathlib import Path
from typing import Any

from minigrad.compiler.expressions import literal
from minigrad.compiler.output import standalone
from minigrad.compiler.output.definitions import Definitions, without_remarks
from minigrad.compiler.output.layout import Layout, laid_out, named_optimizers
from minigrad.compiler.output.listing import Listing, look
from minigrad.compiler.tracing.repeating import Nested
from minigrad.errors import CompileError
from minigrad.files import atomic, tensors
from minigrad.optim.optimizer import FLUSH_EVERY, Optimizer
from minigrad.optim.schedules import TABLE, Schedule

#: Files of the package that are carried along as they are.
_CARRIED = (atomic, tensors)
_READING = (
    standalone.load,
    standalone.save,
    standalone._allocated,
    standalone._places,
    standalone._read,
    standalone._Limited,
    standalone._archive,
    standalone._array_header,
    standalone._fill_from,
    standalone._comment,
    standalone._Sink,
    standalone._write,
    standalone._archived,
    standalone._check,
)
_TRAINING = (standalone._with, standalone.rates, standalone.count)
_RUNNING = (standalone._leaves, standalone.main)


def export(listing: Listing, name: str, path: str | os.PathLike[str]) -> None:
    """Write the program to ``path`` and its arrays to a .npz file beside it; each file is replaced as a whole."""
    target = Path(path)
    if target.suffix != ".py":
        raise CompileError(
            f"export writes a module, and its arrays beside it: got {str(path)!r}, expected 'name.py', "
            "or 'name.c' for C99"
        )
    if listing.program.is_undone:
        raise CompileError(
            "export: a function looks at the numbers (finite? in range?) after weights were changed in the same step, "
            "and an exported module undoes nothing: compile and export the two parts by themselves"
        )
    check(listing, "a file of NumPy calls has no text for", "a module")
    layout = laid_out(listing)
    text = _module(listing, layout, name, target.with_suffix(".npz").name)
    ast.parse(text)
    standalone._write(target.with_suffix(".npz"), layout.values)
    atomic.write_whole(target, [text.encode()])


def check(listing: Listing, has_no_form: str, what: str) -> None:
    """Raise ``CompileError`` for what no exported file does."""
    nested = [call.function.title for call in listing.program.calls if isinstance(call.function, Nested)]
    if nested:
        raise CompileError(
            f"export: {nested[0]} is a program inside of the program, which {has_no_form} yet: write the loop in "
            "Python, whose steps are recorded one by one"
        )
    places = [place.name for place in (*listing.program.reads, *listing.program.effects)]
    if places:
        raise CompileError(
            f"export: the step keeps {', '.join(dict.fromkeys(places))} in Python from one call to the next, which "
            f"{what} does not: pass it to the step as an array, and return what is new"
        )
    for argument, value in listing.arguments:
        if not value.is_array:
            raise CompileError(f"export: {argument} is a number of Python that varies: pass it to the step as an array")
    for number, optimizer in enumerate(listing.optimizers):
        if any(optimizer is other for other in listing.optimizers[:number]):
            raise CompileError("export: an optimizer makes two steps in one: compile and export one of them")
        if type(optimizer).finish is not Optimizer.finish:
            name = type(optimizer).__name__
            raise CompileError(f"export: {name} has a finish() of its own, which {what} would not have")


def _module(listing: Listing, layout: Layout, name: str, weights: str) -> str:
    optimizers = named_optimizers(listing)
    definitions = listing.definitions.extended()
    classes = _classes(listing, layout, definitions) if optimizers else ["OPTIMIZERS: dict[str, Any] = {}"]
    definitions.complete()
    modules = ["argparse", "hashlib", "io", "json", "math", "os", "pathlib", "re", "zipfile"]
    imports = {*[f"import {module}" for module in modules], "from typing import Any", *definitions.imports}
    carried = []
    for module in _CARRIED:
        needed, text = _text_of(module)
        imports |= needed
        carried.append(text)
    arguments = {name: (value.dtype.name, value.shape) for name, value in listing.arguments}
    head = [
        _docstring(listing, name, weights),
        "from __future__ import annotations",
        "\n".join(sorted(imports, key=lambda line: (line.startswith("from"), line))),
        "import numpy as np" + "\nimport scipy.special" * listing.needs_scipy,
        f"#: The arguments: dtype, shape.\nARGUMENTS = {arguments!r}",
        f"#: The number of generators of random numbers that follow the state.\nGENERATORS = {len(listing.generators)}",
        layout.tables(),
        '#: The arrays that were exported with this file.\nWEIGHTS = pathlib.Path(__file__).with_suffix(".npz")',
    ]
    body = [
        *definitions.texts,
        *_program(listing),
        *carried,
        *map(_source, _READING),
        *map(_source, _TRAINING if optimizers else ()),
        *classes,
        *map(_source, _RUNNING),
        'if __name__ == "__main__":\n    main()\n',
    ]
    return "\n\n".join(head) + "\n\n\n" + "\n\n\n".join(body)


def _text_of(module: Any) -> tuple[set[str], str]:
    """The lines of a file that import, and the others, without what it says of itself."""
    source = inspect.getsource(module)
    lines, imports, others = source.splitlines(), set(), []
    docstring, *nodes = ast.parse(source).body
    end = docstring.end_lineno
    for node in nodes:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            imports.add("\n".join(lines[node.lineno - 1 : node.end_lineno]))
        else:
            others += lines[end : node.end_lineno]
        end = node.end_lineno
    return imports - {"from __future__ import annotations", "import numpy as np"}, without_remarks(
        "\n".join(others).strip()
    )


def _source(function: Any) -> str:
    return without_remarks(inspect.getsource(function).rstrip())


def _docstring(listing: Listing, name: str, weights: str) -> str:
    """What the file is, and how it is used."""
    shapes = "\n".join(f"    {name}: {look(value)}" for name, value in listing.arguments)
    needs = "NumPy and SciPy" if listing.needs_scipy else "NumPy and nothing else"
    arguments = ", ".join([*[name for name, _ in listing.arguments], "state", *listing.generators.values()])
    use = {
        "predict": f"    result = predict({arguments})",
        "step": f"    result, gradients = step({arguments})",
        "train": f"    result, gradients = train({arguments})    # one step; save(path, state) keeps what it learned",
    }[listing.kind]
    if listing.generators:
        use = "    generator = np.random.default_rng(0)    # of random numbers\n" + use
    what = {"predict": "The forward function", "step": "The loss and gradients", "train": "The training step"}
    return (
        f'"""{what[listing.kind]} ``{name}`` as a program of NumPy calls. It needs {needs}.\n\n'
        f'    state = load("{weights}")    # or the state_dict() of the model, as .npz or .safetensors\n{use}\n\n'
        f'for arrays of these shapes and dtypes, and no others::\n\n{shapes or "    no arguments"}\n"""'
    )


def _program(listing: Listing) -> list[str]:
    """The functions that a user calls; ``run`` is the one for the command line."""
    arguments = "".join(f"{name}, " for name, _ in listing.arguments)
    checks = [f"    _check({name!r}, {name})" for name, _ in listing.arguments]
    if listing.kind == "predict":
        return [listing.function("predict", "state", listing.returned, checks).rstrip(), "run = predict"]
    both = f"{listing.returned}, {listing.gradients}"
    parameters = "state" if listing.kind == "step" else "state, rates"
    step = listing.function("step", parameters, both, checks).rstrip()
    generators = "".join(f", {name}" for name in listing.generators.values())
    if listing.kind == "step":
        return [step, "run = step"]
    train = (
        f"def train({arguments}state{generators}):\n"
        '    """One step at the rates of its optimizers: the result and the gradients."""\n'
        f"    made = step({arguments}state, rates(state){generators})\n    count(state)\n    return made"
    )
    return [step, train, "run = train"]


# -- optimizers -----------------------------------------------------------------------------------


def _classes(listing: Listing, layout: Layout, definitions: Definitions) -> list[str]:
    """The part of each optimizer's class that works out its rates, and the optimizers with their hyperparameters."""
    classes: dict[type, dict[str, str]] = {}
    names: dict[type, str] = {}
    rows = ""
    for (name, optimizer), step in zip(named_optimizers(listing).items(), listing.steps, strict=True):
        kind = type(optimizer)
        attributes = {"param_groups": _attribute(optimizer, "param_groups", definitions)}
        _collect(optimizer, "rates", classes, attributes, definitions)
        for base in reversed(kind.__mro__):
            if base in classes and base not in names:
                names[base] = definitions.reserve(base.__name__)
        attribute_texts = "".join(f", {key}={text}" for key, text in attributes.items())
        updated = tuple((number, flat.missed) for number, flat, _, _ in step.work)
        instance = f"_with({names[next(base for base in kind.__mro__ if base in names)]}{attribute_texts})"
        rows += f"    {name!r}: ({instance}, {tuple(layout.momenta[name])!r}, {updated!r}),\n"
    texts = []
    for kind, name in names.items():
        parent = next((names[base] for base in kind.__mro__[1:] if base in names), "")
        head = f'class {name}{f"({parent})" * bool(parent)}:\n    """The rates of {kind.__name__}."""\n\n'
        texts.append(head + "\n\n".join(classes[kind].values()))
    head = "#: The optimizers as they were, the arrays of their state, and of what they update: group, steps missed."
    table = f"{head}\nOPTIMIZERS = {{\n{rows}}}\n\n"
    comment = "#: The number of steps after which momenta too small for a normal float become zero."
    return [*texts, f"{table}{comment}\nFLUSH_EVERY = {FLUSH_EVERY}"]


def _collect(
    optimizer: Any,
    member: str,
    classes: dict[type, dict[str, str]],
    attributes: dict[str, str],
    definitions: Definitions,
) -> None:
    """Note the text of a method, and of the members of ``self`` that it uses."""
    if member in ("iterations", "missed", *attributes):
        return
    homes = [base for base in type(optimizer).__mro__ if member in vars(base)]
    if not homes or member in vars(optimizer):
        attributes[member] = _attribute(optimizer, member, definitions)
        return
    for base in homes:  # also those that it stands in for: they may be called as super()'s
        member_value = vars(base)[member]
        function = member_value.fget if isinstance(member_value, property) else member_value
        if not isinstance(function, types.FunctionType):
            attributes[member] = _attribute(optimizer, member, definitions)
            return
        if member in classes.setdefault(base, {}):
            continue
        text = classes[base][member] = definitions.method(function)
        for used in _of_self(text):
            _collect(optimizer, used, classes, attributes, definitions)
        if "super()" not in text:
            return


def _of_self(text: str) -> list[str]:
    """The attributes of ``self`` that a method mentions."""
    tree = ast.parse(textwrap.dedent(text))
    return [
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
    ]


def _attribute(optimizer: Any, name: str, definitions: Definitions) -> str:
    """A hyperparameter as text, also a schedule."""
    user = f"the rates of {type(optimizer).__name__}"

    def text(setting: Any) -> str:
        if isinstance(setting, dict):
            return "{" + ", ".join(f"{text(key)}: {text(value)}" for key, value in setting.items()) + "}"
        if isinstance(setting, Schedule):
            numbers = "".join(f", {key}={text(value)}" for key, value in setting.numbers)
            kind, function = definitions.used(Schedule, "Schedule", user), TABLE[setting.name]
            return f"{kind}({definitions.used(function, setting.name, user)}{numbers})"
        if isinstance(setting, types.FunctionType):
            return definitions.name(setting)
        written = literal(setting, text)
        if written is None:
            raise CompileError(
                f"export: {user} use {name}, a {type(setting).__name__}, which cannot be written as text: use numbers, "
                "schedules, or functions that are defined in a file"
            )
        return written

    setting = getattr(optimizer, name)
    if name == "param_groups":
        setting = [{key: value for key, value in group.items() if key != "params"} for group in setting]
    return text(setting)
