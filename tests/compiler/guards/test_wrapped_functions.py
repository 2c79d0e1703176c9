"""What a function reads that a library wraps: after a change a call sees the new value."""

import functools

import numpy as np
import pytest

import minigrad as mg
from tests.compiler.guards.reading import Thing, agree


def _reads(how):
    """A function that reads a scale in one of many ways, and what changes it."""
    box = Thing(scale=2.0)
    table = np.full(3, 2.0, np.float32)
    if how == "closure":
        scale = 2.0

        def f(x):
            return (x * x * scale).sum()

        def change():
            nonlocal scale
            scale = 5.0
    elif how == "global":
        globals()["SCALE"] = 2.0

        def f(x):
            return (x * x * SCALE).sum()

        def change():
            globals()["SCALE"] = 5.0
    elif how == "attribute":

        def f(x):
            return (x * x * box.scale).sum()

        def change():
            box.scale = 5.0
    elif how == "array":

        def f(x):
            return (x * x * table).sum()

        def change():
            table[...] = 5.0
    elif how == "plain array":

        def f(x):
            return (x * x * float(table.mean())).sum()

        def change():
            table[...] = 5.0
    elif how == "own attribute":

        def f(x):
            return (x * x * f.k).sum()

        f.k = 2.0

        def change():
            f.k = 5.0
    elif how == "default":

        def f(x, k=2.0):
            return (x * x * k).sum()

        def change():
            f.__defaults__ = (5.0,)
    elif how == "keyword default":

        def f(x, *, k=2.0):
            return (x * x * k).sum()

        def change():
            f.__kwdefaults__ = {"k": 5.0}
    elif how == "keyword default in place":

        def f(x, *, k=2.0):
            return (x * x * k).sum()

        def change():
            f.__kwdefaults__["k"] = 5.0
    else:

        def f(x):
            return (x * x * 2.0).sum()

        def other(x):
            return (x * x * 5.0).sum()

        def change():
            f.__code__ = other.__code__

    return f, change


SCALE = 2.0


HOWS = ["closure", "global", "attribute", "array", "plain array", "own attribute", "default", "keyword default",
        "keyword default in place", "code"]  # fmt: skip


def _logged(f):
    @functools.wraps(f)
    def wrapper(*args):
        return f(*args)

    return wrapper


class _Caller:
    def __init__(self, f):
        self.f = f

    def __call__(self, x):
        return self.f(x)

    def method(self, x):
        return self.f(x)


class _Inheriting(_Caller):
    def __call__(self, x):
        return super().__call__(x)


WRAPPERS = {
    "grad": lambda f: mg.grad(f),
    "value_and_grad": lambda f: lambda x: mg.value_and_grad(f)(x)[1],
    "value_and_grad itself": lambda f: _first(mg.value_and_grad(f)),
    "grad of grad": lambda f: mg.grad(lambda x: mg.grad(f)(x).sum()),
    "vjp": lambda f: lambda x: mg.vjp(f, x)[1](1.0)[0],
    "jvp": lambda f: lambda x: mg.jvp(f, (x,), (x,))[1],
    "jacobian": lambda f: mg.jacobian(f),
    "hessian": lambda f: mg.hessian(f),
    "checkpoint": lambda f: lambda x: mg.checkpoint(f, x),
    "partial": lambda f: functools.partial(f),
    "partial of grad": lambda f: functools.partial(mg.grad(f)),
    "wraps": _logged,
    "wraps twice": lambda f: _logged(_logged(f)),
    "grad of wraps": lambda f: mg.grad(_logged(f)),
    "callable": _Caller,
    "callable that inherits": _Inheriting,
    "bound method": lambda f: _Caller(f).method,
    "grad of bound method": lambda f: mg.grad(_Caller(f).method),
    "in a list": lambda f: lambda x, fs=[f]: fs[0](x),
    "in a dict": lambda f: lambda x, fs={"f": f}: fs["f"](x),
    "in a tuple": lambda f: lambda x, fs=(f,): fs[0](x),
    "grad in a dict": lambda f: _in_default({"f": mg.grad(f)}, lambda x, fs: fs["f"](x)),
    "lru_cache": lambda f: _in_default(functools.lru_cache(lambda: f), lambda x, k: k()(x)),
    "map": lambda f: lambda x: next(iter(map(f, [x]))),
    "reduce": lambda f: lambda x: functools.reduce(lambda a, _: a + f(x), range(2), 0),
    "compiled": lambda f: mg.compile(f, backend="numpy"),
    "staticmethod": lambda f: type("K", (), {"f": staticmethod(f)}).f,
    "property": lambda f: _in_default(type("K", (), {"f": property(lambda self: f)})(), lambda x, k: k.f(x)),
    "singledispatch": lambda f: _dispatched(f),
}


def _in_default(held, use):
    return lambda x, held=held: use(x, held)


def _first(f):
    return lambda x: f(x)[1]


def _dispatched(f):
    @functools.singledispatch
    def g(_):
        raise AssertionError

    g.register(mg.Tensor)(f)
    return g


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_what_a_wrapped_function_reads(wrapper, how):
    f, change = _reads(how)
    agree(WRAPPERS[wrapper](f), change)


def test_arrays_that_a_wrapped_function_names_are_no_refusal():
    f, change = _reads("array")
    assert agree(mg.grad(f), change)["replayed"] >= 3
