"""A value for every option in NumPy's signatures of what differentiates, and what tensors make of it.

An option is tried in the call that ``tests/numpy_calls.py`` has of its name. So nothing is ignored in silence: tensors
have NumPy's value for it, or refuse.
"""

from __future__ import annotations

import inspect
import operator
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

import minigrad as mg
from minigrad.errors import MinigradError
from tests import numpy_calls, numpy_page
from tests.numpy_check import arrays_in, check_call, same_values

#: Options of ufuncs, which have no signature in older NumPy; ``out`` is tried beside ``where``.
OF_UFUNCS = ("out", "where", "casting", "order", "dtype", "subok", "signature")

#: Values of an option, whatever the function.
VALUES = {
    "append": "y[:, :1]",
    "axes": "(-1, 0)",
    "axis": "0 | -1",
    "axis1": "1",
    "axis2": "2",
    "casting": "'unsafe' | 'same_kind'",
    "copy": "True | False",
    "correction": "1",
    "ddof": "1",
    "decimals": "1",
    "deg": "True",
    "density": "True",
    "device": "'cpu'",
    "dtype": "np.float64 | np.float32 | complex",
    "edge_order": "2",
    "endpoint": "False",
    "fill_value": "2.0",
    "hermitian": "False",
    "include_initial": "True",
    "initial": "1.2",
    "keepdims": "True",
    "kind": "'stable'",
    "left": "-1.0",
    "method": "'nearest' | 'median_unbiased' | 'inverted_cdf'",
    "max": "1.4",
    "mean": "number",
    "min": "0.9",
    "mode": "'wrap' | 'clip'",
    "n": "2 | 4",
    "nan": "0.5",
    "neginf": "0.5",
    "norm": "'ortho' | 'forward'",
    "num": "3",
    "offset": "1",
    "optimize": "True | 'greedy'",
    "order": "'C' | 'F' | 'K' | 'A'",
    "out": "OUT",
    "overwrite_input": "True",
    "posinf": "0.5",
    "prepend": "0.5",
    "range": "(0.0, 4.0)",
    "rcond": "0.1",
    "returned": "True",
    "right": "9.0",
    "rtol": "0.1",
    "s": "(2, 2)",
    "shape": "(2, 2)",
    "signature": "SIGNATURE",
    "stable": "True",
    "subok": "False",
    "to_begin": "0.5",
    "to_end": "y[0]",
    "tol": "1e-3",
    "weights": "y",
    "where": "mask",
}

#: Values where a function has its own.
OF = {
    ("apply_over_axes", "axes"): "0",
    ("array_split", "axis"): "1",
    ("astype", "copy"): "True | False",
    ("average", "weights"): "y",
    ("bincount", "minlength"): "5",
    ("compress", "axis"): "0",
    ("convolve", "mode"): "'full' | 'same' | 'valid'",
    ("copyto", "casting"): "'no' | 'unsafe'",
    ("copyto", "where"): "mask[0]",
    ("corrcoef", "y"): "y",
    ("corrcoef", "rowvar"): "False",
    ("correlate", "mode"): "'full' | 'same' | 'valid'",
    ("cov", "aweights"): "v",
    ("cov", "bias"): "True",
    ("cov", "fweights"): "[1, 2, 1]",
    ("cov", "rowvar"): "False",
    ("cov", "y"): "y",
    ("cross", "axis"): "0",
    ("cross", "axisa"): "0",
    ("cross", "axisb"): "0",
    ("cross", "axisc"): "0",
    ("diag", "k"): "1",
    ("diagonal", "axis1"): "2",
    ("trace", "axis1"): "2",
    ("gradient", "edge_order"): "2, axis=1",
    **{(name, "where"): "mask, initial=1.2" for name in ("amax", "amin", "max", "min", "nanmax", "nanmin")},
    **{(name, "weights"): "y, method='inverted_cdf'" for name in ("quantile", "percentile")},
    ("nanpercentile", "weights"): "y, method='inverted_cdf'",
    ("nanquantile", "weights"): "y, method='inverted_cdf'",
    ("sort", "order"): "None",
    ("partition", "order"): "None",
    ("pad", "mode"): "'constant'",
    ("diagflat", "k"): "-1",
    ("diff", "n"): "0 | 2",
    ("einsum", "casting"): "'unsafe' | 'safe'",
    ("einsum", "dtype"): "np.float64 | complex",
    ("einsum", "order"): "'C' | 'F'",
    ("fft.fftfreq", "device"): "'cpu'",
    ("fill_diagonal", "wrap"): "True",
    ("flip", "axis"): "0 | (0, 1)",
    ("full_like", "order"): "'C' | 'F'",
    ("geomspace", "num"): "3",
    ("histogram", "bins"): "[0.0, 1.0, 4.0] | 3",
    ("histogram2d", "bins"): "[2, 3]",
    ("histogram2d", "range"): "[[0, 4], [0, 4]]",
    ("histogramdd", "bins"): "[2, 3]",
    ("histogramdd", "range"): "[[-3, 4], [-3, 4]]",
    ("interp", "period"): "0.7",
    ("linalg.cholesky", "upper"): "True",
    ("linalg.cond", "p"): "None",
    ("linalg.cross", "axis"): "0 | -1",
    ("linalg.eigh", "UPLO"): "'L' | 'U'",
    ("linalg.eigvalsh", "UPLO"): "'L' | 'U'",
    ("linalg.lstsq", "rcond"): "0.1 | None",
    ("linalg.matrix_norm", "ord"): "1 | -1 | 2 | -2 | np.inf | -np.inf | 'nuc' | 'fro'",
    ("linalg.norm", "axis"): "0 | 1 | (1, 0)",
    ("linalg.norm", "ord"): "1 | -1 | 2 | -2 | np.inf | -np.inf | 'nuc' | 'fro'",
    ("linalg.pinv", "hermitian"): "False",
    ("linalg.qr", "mode"): "'r' | 'complete' | 'raw'",
    ("linalg.svd", "compute_uv"): "False",
    ("linalg.tensordot", "axes"): "(0, 0) | 2 | ([0, 1], [0, 1])",
    ("linalg.tensorinv", "ind"): "1",
    ("linalg.tensorsolve", "axes"): "(1,)",
    ("linalg.vector_norm", "axis"): "0 | (0, 1)",
    ("linalg.vector_norm", "ord"): "0 | 1 | 3 | 0.5 | np.inf | -np.inf",
    ("linspace", "retstep"): "True",
    ("logspace", "base"): "2.0 | v",
    ("meshgrid", "copy"): "True | False",
    ("meshgrid", "indexing"): "'ij'",
    ("meshgrid", "sparse"): "True",
    ("moveaxis", "destination"): "0",
    ("permute_dims", "axes"): "(1, 0)",
    ("transpose", "axes"): "(1, 0)",
    ("poly1d", "r"): "True",
    ("poly1d", "variable"): "'z'",
    ("polyder", "m"): "2",
    ("polyfit", "cov"): "True | 'unscaled'",
    ("polyfit", "full"): "True",
    ("polyfit", "rcond"): "1e-3",
    ("polyfit", "w"): "y[0]",
    ("polyint", "k"): "0.5",
    ("polyint", "m"): "2",
    ("put", "mode"): "'wrap' | 'clip' | 'raise'",
    ("partition", "kind"): "'introselect'",
    ("ravel", "order"): "'C' | 'F' | 'K'",
    ("real_if_close", "tol"): "1e-3 | 1000",
    ("repeat", "axis"): "0 | 1",
    ("reshape", "order"): "'C' | 'F' | 'A'",
    ("roll", "axis"): "0 | 1",
    ("rollaxis", "start"): "1 | 2",
    ("rot90", "axes"): "(1, 0)",
    ("rot90", "k"): "3",
    ("select", "default"): "7.0",
    ("sort", "kind"): "'stable' | 'quicksort'",
    ("squeeze", "axis"): "()",
    ("tensordot", "axes"): "(0, 0) | 2 | ([0, 1], [0, 1])",
    ("trapezoid", "dx"): "0.5",
    ("trapezoid", "x"): "y | v",
    ("tril", "k"): "1",
    ("triu", "k"): "1",
    ("trim_zeros", "trim"): "'f' | 'b'",
    ("trim_zeros", "axis"): "0",
    ("unwrap", "discont"): "2.0",
    ("unwrap", "period"): "1.1",
    ("vander", "N"): "2",
    ("vander", "increasing"): "True",
    ("vecdot", "axis"): "0",
    ("vecdot", "axes"): "[0, 0, ()]",
    ("matmul", "axes"): "[(0, 1), (0, 1), (1, 0)]",
    ("matmul", "axis"): "0",
    ("matvec", "axes"): "[(0, 1), 0, 0]",
    ("vecmat", "axes"): "[0, (1, 0), 0]",
}

#: Options of a function that is called, and those that NumPy has given up.
NOT_TRIED = {"kwargs", "kw", "args", "like"}


class _Result:
    """What stands for the result of a call that only shows its arguments: it may be called and indexed."""

    def __call__(self, *_: Any) -> float:
        return 0.0

    def __getitem__(self, _: Any) -> float:
        return 0.0


class Tried(NamedTuple):
    """An option with a value, and how the call with it is written."""

    name: str
    option: str
    value: str
    call: str


def tried() -> Iterator[Tried]:
    """Each option of each name that differentiates, with each of its values."""
    there = numpy_page.public_names()
    for name, call, answer in numpy_page.planned():
        if answer == numpy_page.DIFFERENTIATES and name in there and name != "fromfunction":
            for option in options_of(name, call):
                values = OF.get((name, option)) or OF.get((name.removeprefix("nan"), option)) or VALUES.get(option)
                if values is None:  # a new option wants a value here; NumPy has given up some old ones
                    assert np.lib.NumpyVersion(np.__version__) < "2.4.0", f"{name}({option}=...) has no value to try"
                    continue
                if option == "where" and isinstance(there[name], np.ufunc):
                    values = "mask | mask, out=OUT"
                for value in values.split(" | "):
                    yield Tried(name, option, value, with_option(call, option, value))


def options_of(name: str, call: str) -> list[str]:
    """The options in NumPy's signature that the call does not give."""
    function = operator.attrgetter(name)(np)
    if isinstance(function, np.ufunc):
        core = ("axes", "axis", "keepdims") if function.signature else ()
        return [*OF_UFUNCS, *core]
    try:
        parameters = inspect.signature(function).parameters
    except ValueError:  # in older NumPy
        return []
    given: set[str] = set()

    def record(*args: Any, **kwargs: Any) -> Any:
        given.update(inspect.signature(function).bind(*args, **kwargs).arguments)
        return _Result()

    space = {**numpy_calls.NAMESPACE, **numpy_calls.FLOATS, "f": record}
    space |= {"written": lambda write, x: write(x), "filled": lambda y, _: y}
    eval(call, space)
    return [
        p.name
        for p in parameters.values()
        if p.default is not p.empty and p.name not in given and p.name not in NOT_TRIED
    ]


def with_option(call: str, option: str, value: str) -> str:
    """The call with an option more, at the end of f(...)."""
    end, depth = call.index("f(") + 2, 1
    while depth:
        depth += {"(": 1, ")": -1}.get(call[end], 0)
        end += 1
    return f"{call[: end - 1]}, {option}={value}{call[end - 1 :]}"


def call_of(case: Tried) -> Any:
    """The call with the option, as a function of tensors or arrays."""
    taken = numpy_calls.arguments(case.call)
    function = operator.attrgetter(case.name)(np)
    space = {**numpy_calls.NAMESPACE, "f": function, "SIGNATURE": _signature(function)}
    call = eval(f"lambda OUT, {', '.join(taken)}: {case.call}", space)
    plainly = numpy_page.call_of(case.name, next(c for n, c, _ in numpy_page.planned() if n == case.name))

    def with_out(*arrays: Any) -> Any:
        if "OUT" not in case.value:
            return call(None, *arrays)
        shaped = plainly(*[x.detach().data if isinstance(x, mg.Tensor) else x for x in arrays])
        like = [np.zeros_like(x) for x in (shaped if isinstance(shaped, tuple) else [shaped])]
        if any(isinstance(x, mg.Tensor) for x in arrays):
            like = [mg.tensor(x) for x in like]
        result = call(tuple(like) if isinstance(shaped, tuple) else like[0], *arrays)
        if isinstance(like[0], mg.Tensor):
            assert all(x is y for x, y in zip(like, arrays_in(result), strict=True))
        return result

    return with_out


def _signature(function: Any) -> str:
    """The loop of a ufunc for float64, as text."""
    return f"{'d' * getattr(function, 'nin', 0)}->{'d' * getattr(function, 'nout', 0)}"


def outcome(case: Tried) -> str:
    """What tensors make of an option: "" where they have NumPy's value, or its error; else the text of the refusal.

    Raises ``AssertionError`` for another value, for a wrong gradient, and for one that is lost.
    """
    function = call_of(case)
    arrays = numpy_page.arrays(case.call)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            want = function(*arrays)
        except Exception as error:  # noqa: BLE001 - whatever NumPy raises
            want = error
        try:
            got = function(*numpy_page.tensors(case.call, requires_grad=True))
        except MinigradError as error:
            return "" if isinstance(want, Exception) else str(error)
        except (TypeError, ValueError):
            if not isinstance(want, Exception):
                raise  # what NumPy does not refuse, tensors refuse by name
            return ""
        assert not isinstance(want, Exception), f"NumPy raises {want!r}, and tensors give {got!r:.80}"
        same_values(got, want)
        assert any(isinstance(x, mg.Tensor) and x.requires_grad for x in arrays_in(got)), "the gradient is lost"
        if all(x.dtype.itemsize >= 8 for x in arrays_in(want) if isinstance(x, np.ndarray | np.generic)):
            check_call(function, arrays, orders=1)
    return ""


#: What NumPy does and tensors refuse, by option and value: "ufuncs" are all of them.
REFUSED = {
    ("where", "mask"): "ufuncs",  # the rest would be what is in memory
    ("dtype", "complex"): "rint sign fmax fmin maximum minimum",
    ("ddof", "1"): "corrcoef",  # which has no effect, and is going away
    ("copy", "False"): "nan_to_num",  # into a tensor that requires a gradient itself
    ("order", "'A'"): "reshape",
    ("order", "'K'"): "ravel",
    ("mode", "'complete'"): "linalg.qr",
    ("mode", "'raw'"): "linalg.qr",
}


def may_refuse(case: Tried) -> bool:
    """Whether a refusal is what the table above says."""
    names = REFUSED.get((case.option, case.value), "")
    if names == "ufuncs":
        return getattr(operator.attrgetter(case.name)(np), "signature", "") is None
    return case.name in names.split()
