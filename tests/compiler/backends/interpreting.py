"""The kernels of the backend "native" run by Python: their text as it is, without machine code."""

import functools
import math
from unittest import mock

import numpy as np

from minigrad.compiler.backends.kernel_expressions import OF_C
from minigrad.compiler.backends.replay import spanned
from minigrad.kernels.normal import gelu_and_slope, normal_cdf


def head(array, start, count, lanes):
    """The first ``count`` of ``lanes`` numbers, and zeros for the rest."""
    run = np.zeros(lanes, array.dtype)
    run[:count] = array[start : start + count]
    return run


NAMES = {
    "head": head,
    "np": np, "math": math, "summed": lambda a, b: a + b, "larger": max,
    "smaller": min, "maximum": np.maximum, "minimum": np.minimum,
    "f4": np.float32, "f8": np.float64, "i8": np.int64, "b1": np.bool_,
    **{f"{kind}_normal_cdf": normal_cdf for kind in ("f4", "f8")},
    **{f"{kind}_gelu": lambda x: gelu_and_slope(np.asarray(x))[0] for kind in ("f4", "f8")},
    **{f"{kind}_gelu_slope": lambda x: gelu_and_slope(np.asarray(x))[1] for kind in ("f4", "f8")},
    **{f"{kind}_{f.__name__}": f for kind in ("f4", "f8") for f in (np.sign, np.exp, np.expm1)},
    **{f"{kind}_{f.__name__}": f for kind in ("f4", "f8") for f in (np.log, np.log1p, np.tanh, np.logaddexp)},
    **{f"{kind}_near_{f.__name__}": f for kind in ("f4", "f8") for f in (np.sin, np.cos)},
    **{text.partition("(")[0]: getattr(np, name) for name, text in OF_C.items()},
}  # fmt: skip


@functools.lru_cache(1024)
def _made(text):
    namespace = dict(NAMES)
    exec(text, namespace)

    def run(*args):
        namespace["kernel"](*[spanned(x) if isinstance(x, np.ndarray) else x for x in args])

    return run


def by_python(texts=None):
    """Inside, kernels are run by Python, which is slow and needs no compilation; ``texts`` gets those of all made."""
    from minigrad.compiler.backends import cache

    def finish(_, samples):
        for kernel, _ in samples:
            if texts is not None:
                texts.append(kernel.text)
            kernel.function = _made(kernel.text)

    return mock.patch.multiple(cache.Compiler, finish=finish)
