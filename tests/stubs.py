"""The types of the table's functions, as stubs that checkers and editors read: ``python -m tests.stubs`` writes them.

To Python a row is a function of anything, since formulas run on arrays, Tensors and recorded arrays alike. To a user
``mg.exp(tensor)`` is a Tensor. So each function that can meet both has two overloads: numbers give an array, and else
a Tensor comes out. A signature that several functions have is written once, as a protocol, which is how NumPy types
its own ufuncs. Names, order and defaults of parameters are the functions' own; a type that says more than ``Any``
is taken as it is, and the others are known by the name of the parameter, in the tables below.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parents[1]

#: The modules that have stubs. A name that an earlier one has too is imported from there.
MODULES = (
    "minigrad.ops",
    "minigrad.linalg",
    "minigrad.fft",
    "minigrad.special",
    "minigrad.nn.functional",
    "minigrad.signal",
    "minigrad.integrate",
)

#: Parameters that are there to be refused with a hint: a checker need not know them (``minigrad.support.idioms``).
REFUSED = {"dim", "keepdim", "num_classes", "foreign"}

#: Arguments that decide what comes out: a Tensor where one of them is a Tensor. Those of a row are its own.
ARRAYS = set(
    """
    data in1 in2 sos zi
    A a a1 a2 ab append args arr array arrs ary arys b base bias c constant_values default end_values f fill_value filt
    fp k key left sample seq_of_zeros start stop
    log_probabilities logits m p pos_weight prediction prepend probabilities query right running_mean running_var
    scores to_begin to_end u v value values w weight weights x x1 x2 xi xp y
    """.split()
)
#: Those that hold several of them.
SEVERAL = {"arrays", "choicelist", "choices", "tup"}

#: Arguments of rows that may be None, without a default that says it.
OPTIONAL = {"bias", "ended", "mask"}

#: Other parameters, by name.
OPTIONS = {
    "attn_mask": "ArrayLike | None",
    "aweights": "Numbers | None",
    "axes": "Ints | None",
    "axis": "Axis",
    "axis1": "int",
    "axis2": "int",
    "bins": "int | str | ArrayLike | Sequence[ArrayLike]",
    "c_and_lower": "tuple[ArrayLike, bool]",
    "c_or_cr": "ArrayLike | tuple[ArrayLike, ArrayLike]",
    "condition": "ArrayLike",
    "count": "int",
    "cov": "bool | str",
    "condlist": "Sequence[ArrayLike]",
    "destination": "Ints",
    "dilation": "Ints",
    "discont": "float | None",
    "dtype": "DTypeLike | None",
    "dx": "ArrayLike",
    "func": "Callable[..., ArrayLike]",
    "func1d": "Callable[..., ArrayLike]",
    "funclist": "Sequence[Callable[..., ArrayLike] | ArrayLike]",
    "fweights": "Numbers | None",
    "ids": "IntArrayLike",
    "index": "Index",
    "indices": "IntArrayLike",
    "indices_or_sections": "IntArrayLike",
    "kernel_size": "Ints",
    "kind": "str | None",
    "kth": "Ints",
    "kw": "object",
    "kwargs": "object",
    "labels": "IntArrayLike",
    "mask": "ArrayLike",
    "mode": "str",
    "n": "int | None",
    "nan": "float",
    "neginf": "float | None",
    "new_shape": "Shape",
    "norm": 'Literal["backward", "ortho", "forward"] | None',
    "num_segments": "int",
    "normalized_shape": "Shape",
    "obj": "IntArrayLike | slice",
    "optimize": "bool | str | Sequence[Any]",
    "ord": "float | str | None",
    "output_padding": "Ints",
    "output_size": "Shape",
    "pad_width": "IntArrayLike",
    "padding": "Ints",
    "padding_idx": "int | None",
    "posinf": "float | None",
    "q": "Numbers",
    "range": "Sequence[float] | Sequence[Sequence[float]] | None",
    "rcond": "ArrayLike | None",
    "repeats": "IntArrayLike",
    "reps": "Ints",
    "rtol": "ArrayLike | EllipsisType | None",
    "s": "Sequence[int] | None",
    "shape": "Shape",
    "shift": "Ints",
    "size": "Sizes",
    "source": "Ints",
    "stable": "bool | None",
    "stat_length": "IntArrayLike | None",
    "stride": "Ints | None",
    "target": "ArrayLike",
    "tol": "ArrayLike | None",
    "varargs": "ArrayLike",
    "window": "Ints",
}

#: Parameters that mean something else in one function.
ELSEWHERE = {
    **{(name, "axis"): "int | None" for name in ("cumprod", "cumsum", "partition", "repeat", "sort", "take")},
    **{(name, "window"): "Window" for name in ("window_spread", "window_sum")},
    **{(f"conv{n}d", "padding"): 'Ints | Literal["same", "valid"]' for n in (1, 2, 3)},
    ("apply_along_axis", "args"): "object",
    ("apply_over_axes", "axes"): "Ints",
    ("block", "arrays"): "{X}",
    ("cond", "p"): "float | str | None",
    ("einsum", "operands"): "{X} | str | Sequence[Any]",
    ("full_like", "shape"): "Shape | None",
    ("histogramdd", "sample"): "{X} | Sequence[{X}]",
    ("pad", "pad"): "Sequence[int]",
    ("partition", "kind"): "str | None",
    ("piecewise", "args"): "object",
    ("solve_sylvester", "q"): "{X}",
    ("solve_continuous_lyapunov", "q"): "{X}",
    ("solve_discrete_lyapunov", "q"): "{X}",
    ("toeplitz", "r"): "{X} | None",
    ("hankel", "r"): "{X} | None",
    **{(name, "ddof"): "float" for name in ("nanstd", "nanvar", "std", "var")},
    ("tensordot", "axes"): "int | Sequence[Ints]",
    ("fft2", "axes"): "Sequence[int] | None",
}

#: What comes out, where it is not one array: {R} stands for it, and {X} for what goes in.
RESULTS = dict.fromkeys(("array_split", "dsplit", "hsplit", "split", "vsplit"), "list[{R}]") | {
    "frexp": "tuple[{R}, np.ndarray]",
    "histogram": "tuple[{R}, np.ndarray]",
    "histogram2d": "tuple[{R}, np.ndarray, np.ndarray]",
    "histogramdd": "tuple[{R}, list[np.ndarray]]",
}

_FIT = "x: {X}, y: {X}, deg: int, rcond: float | None = None"
_AVERAGE = "a: {X}, axis: Axis = None, weights: {X} | None = None"

#: Whole signatures of functions whose options decide how many arrays come out; a test compares their names.
OWN = {
    **dict.fromkeys(
        ("atleast_1d", "atleast_2d", "atleast_3d"), ("(ary: {X}, /) -> {R}", "(*arys: {X}) -> tuple[{R}, ...]")
    ),
    "average": (
        f"({_AVERAGE}, returned: Literal[False] = False, keepdims: bool = False) -> {{R}}",
        f"({_AVERAGE}, *, returned: Literal[True], keepdims: bool = False) -> tuple[{{R}}, {{R}}]",
    ),
    "gradient": (
        "(f: {X}, *varargs: {X}, axis: int, edge_order: int = 1) -> {R}",
        "(f: {X}, *varargs: {X}, axis: tuple[int, ...] | None = None, edge_order: int = 1) -> Any",
    ),
    "lfilter": (
        "(b: {X}, a: {X}, x: {X}, axis: int = -1, zi: None = None) -> {R}",
        "(b: {X}, a: {X}, x: {X}, axis: int = -1, *, zi: {X}) -> tuple[{R}, {R}]",
    ),
    "polyfit": (
        f"({_FIT}, full: Literal[False] = False, w: {{X}} | None = None, cov: Literal[False] = False) -> {{R}}",
        f"({_FIT}, full: bool = False, w: {{X}} | None = None, cov: bool | str = False) -> Any",
    ),
    "qr": (
        '(a: {X}, mode: Literal["reduced", "complete"] = "reduced") -> QRResult[{R}]',
        '(a: {X}, mode: Literal["r"]) -> {R}',
    ),
    "svd": (
        "(a: {X}, full_matrices: bool = True, compute_uv: Literal[True] = True) -> SVDResult[{R}]",
        "(a: {X}, full_matrices: bool = True, *, compute_uv: Literal[False]) -> {R}",
    ),
    "where": (
        "(condition: ArrayLike, x: {X}, y: {X}) -> {R}",
        "(condition: {X}) -> tuple[np.ndarray, ...]",
    ),
}

#: Names of types in annotations, as stubs write them.
TYPES = {
    "Norm": 'Literal["backward", "ortho", "forward"] | None',
    "Axes": "tuple[int, ...]",
    "Mode": 'Literal["full", "same", "valid"]',
    "Method": 'Literal["auto", "direct", "fft"]',
}

#: Where names that a stub may need are imported from, in the order of the imports.
IMPORTS = {
    "collections.abc": ("Callable", "Sequence"),
    "types": ("EllipsisType",),
    "typing": ("Any", "Generic", "Literal", "NamedTuple", "Protocol", "TypeVar", "overload"),
    "numpy": (),
    "minigrad.core.tensor": ("Tensor",),
    "minigrad.typing": (
        "ArrayLike", "Axis", "DTypeLike", "Index", "IntArrayLike", "Ints", "Numbers", "Shape", "TensorLike",
    ),
    "minigrad.kernels.windows": ("Sizes", "Window"),
    "minigrad.ops.recurrent": ("Shared",),
}  # fmt: skip

#: How many functions of a module have a signature that is written once.
SHARED = 3

HEAD = '''"""The types of ``{module}``, written by ``python -m tests.stubs``."""

# mypy: disable-error-code="overload-overlap"
'''


def stubs() -> dict[Path, str]:
    """Each stub file with its text."""
    homes: dict[int, tuple[str, str]] = {}
    return {path_of(name): stub(importlib.import_module(name), homes) for name in MODULES}


def path_of(name: str) -> Path:
    """The stub file of a module."""
    base = ROOT / name.replace(".", "/")
    return base / "__init__.pyi" if base.is_dir() else base.with_suffix(".pyi")


def stub(module: ModuleType, homes: dict[int, tuple[str, str]]) -> str:
    """The stub of one module. ``homes`` says in which stub, and as what, a function is written already."""
    imported: dict[str, list[str]] = {}
    signatures: dict[str, list[str]] = {}
    aliases: list[str] = []
    classes: dict[str, type] = {}
    functions = {name: getattr(module, name) for name in sorted(module.__all__)}
    for name, function in functions.items():
        own = function.__name__ if functions.get(function.__name__) is function else name
        home, first = homes.setdefault(id(function), (module.__name__, own))
        if home != module.__name__:
            imported.setdefault(home, []).append(name if first == name else f"{first} as {name}")
        elif first != name:
            aliases.append(f"{name} = {first}")
        else:
            signatures[name] = overloads(name, function)
            classes.update({kind.__name__: kind for kind in results_of(function)})
    records = ['T = TypeVar("T")'] * bool(classes) + [line for kind in classes.values() for line in record(kind)]
    body = "\n".join(records + definitions(signatures) + aliases)
    words = set(re.findall(r"\w+", body))
    heads = ["import numpy as np"] if "np" in words else []
    for source, names in IMPORTS.items():
        used = [name for name in names if name in words]
        if used:
            heads.append(f"from {source} import {', '.join(used)}")
    heads += [f"from {source} import {', '.join(sorted(names))}" for source, names in imported.items()]
    public = ", ".join(f'"{name}"' for name in sorted(module.__all__))
    return "\n".join([HEAD.format(module=module.__name__), *heads, "", f"__all__ = [{public}]", body, ""])


def definitions(signatures: dict[str, list[str]]) -> list[str]:
    """The overloads of each function; those that several functions share come first, as the call of a protocol."""
    users: dict[tuple[str, ...], list[str]] = {}
    for name, texts in signatures.items():
        users.setdefault(tuple(texts), []).append(name)
    protocols: dict[str, tuple[str, ...]] = {}
    written: list[str] = []
    for name, texts in signatures.items():
        if len(users[tuple(texts)]) < SHARED:
            written += defined(name, texts)
            continue
        words = "_".join(re.findall(r"(\w+): ", texts[0]))
        same = [known for known, others in protocols.items() if others == tuple(texts)]
        count = sum(known.rstrip("0123456789") == f"Call_{words}".rstrip("0123456789") for known in protocols)
        protocol = same[0] if same else f"Call_{words}{count + 1 if count else ''}"
        protocols[protocol] = tuple(texts)
        written.append(f"{name}: {protocol}")
    heads = []
    for protocol, shared in protocols.items():
        calls = [text.replace("(", "(self, ", 1) for text in shared]
        heads += [f"class {protocol}(Protocol):", *(f"    {line}" for line in defined("__call__", calls))]
    return heads + written


def defined(name: str, texts: Sequence[str]) -> list[str]:
    """The definitions of one function, of which there may be several."""
    marks = ["@overload"] * (len(texts) > 1)
    return [line for text in texts for line in (*marks, f"def {name}{text}: ...")]


def overloads(name: str, function: Callable[..., Any]) -> list[str]:
    """The signatures of a function: one for numbers and one for Tensors, or one where no Tensor comes out."""
    texts = OWN.get(name) or (signature(name, function),)
    if not any("{R}" in text for text in texts):
        return [text.format(X="ArrayLike") for text in texts]
    # Beside a Tensor, other arguments may be numbers. An argument of type Array counts as a Tensor then.
    several = any(text.count("{X}") > 1 or "Sequence[{X}]" in text or "*" in text.replace("*, ", "") for text in texts)
    tensors = "ArrayLike" if several else "TensorLike"
    pairs = (("Numbers", "np.ndarray"), (tensors, "Tensor"))
    return [text.format(X=takes, R=gives) for text in texts for takes, gives in pairs]


def signature(name: str, function: Callable[..., Any]) -> str:
    """The signature of a function, with {X} for an array that goes in and {R} for one that comes out."""
    found = inspect.signature(function)
    parts: list[str] = []
    kind = None
    for p in found.parameters.values():
        if p.name in REFUSED:
            continue
        if kind is p.POSITIONAL_ONLY and p.kind is not kind:
            parts.append("/")
        if p.kind is p.KEYWORD_ONLY and kind not in (p.KEYWORD_ONLY, p.VAR_POSITIONAL):
            parts.append("*")
        kind = p.kind
        text = (
            f"{'*' * (kind is p.VAR_POSITIONAL)}{'**' * (kind is p.VAR_KEYWORD)}{p.name}: {type_of(name, function, p)}"
        )
        parts.append(text if p.default is p.empty else f"{text} = {default(p.default)}")
    if kind is inspect.Parameter.POSITIONAL_ONLY:
        parts.append("/")
    return f"({', '.join(parts)}) -> {result_of(name, function, found.return_annotation)}"


def type_of(name: str, function: Callable[..., Any], parameter: inspect.Parameter) -> str:
    """The type of a parameter. Raises ``KeyError`` for a name that stands in none of the tables."""
    row = getattr(function, "op", None)
    annotation = parameter.annotation
    if (name, parameter.name) in ELSEWHERE:
        text = ELSEWHERE[name, parameter.name]
    elif row is not None and parameter.name in row.arguments:
        text = "{X} | None" if parameter.name in OPTIONAL else "{X}"
    elif isinstance(annotation, str) and "Any" not in annotation:
        return TYPES.get(annotation, annotation)
    elif annotation is parameter.empty and type(parameter.default) in (bool, int, float, str):
        return type(parameter.default).__name__
    elif parameter.name in SEVERAL:
        text = "Sequence[{X}]"
    elif parameter.name in ARRAYS:
        text = "{X}"
    elif parameter.name in OPTIONS:
        text = OPTIONS[parameter.name]
    else:
        raise KeyError(f"{name}: which type has {parameter.name!r}? Say it in tests/stubs.py, in ARRAYS or OPTIONS")
    return f"{text} | None" if parameter.default is None and "None" not in text and text not in NONE else text


#: Types that None belongs to.
NONE = {"Axis", "Index"}


def result_of(name: str, function: Callable[..., Any], annotation: Any) -> str:
    """The type of the result."""
    if name in RESULTS:
        return RESULTS[name]
    if annotation is inspect.Signature.empty or hasattr(function, "op"):
        return "{R}"
    if annotation.endswith("Result"):
        return f"{annotation}[{{R}}]"
    return str(re.sub(r"\bAny\b", "{R}", annotation))


def results_of(function: Callable[..., Any]) -> list[type]:
    """The named tuples that a function gives, known by its file and the name of the function."""
    if hasattr(function, "op"):
        return []
    module = inspect.getmodule(function)
    name = f"{function.__name__}Result".lower()
    return [kind for key, kind in vars(module).items() if key.lower() == name]


def record(kind: type) -> list[str]:
    """A named tuple whose fields have the type of its arrays."""
    fields = kind._fields  # type: ignore[attr-defined]
    return [f"class {kind.__name__}(NamedTuple, Generic[T]):", *[f"    {field}: T" for field in fields]]


def default(value: Any) -> str:
    """A default as text, where it is a plain one."""
    if isinstance(value, str):
        return '"' + value + '"'
    return repr(value) if value is None or isinstance(value, (bool, int, float, tuple)) else "..."


if __name__ == "__main__":
    for path, text in stubs().items():
        path.write_text(text)
