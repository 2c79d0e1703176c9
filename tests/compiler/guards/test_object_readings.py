"""What a step reads of objects, classes and modules: after a change a call sees the new value, or is refused."""

import abc
import array
import collections
import contextlib
import contextvars
import dataclasses
import enum
import functools
import importlib
import logging
import operator
import os
import random
import sys
import types
import weakref

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from tests.compiler.guards.reading import THING, Kinds, Thing, seen_or_refused

KINDS = Kinds()


@KINDS
def _second_closure_of_one_def():
    def scaled(box):
        return lambda x: x * box["scale"]

    one, two = {"scale": 1.0}, {"scale": 2.0}
    fs = [scaled(one), scaled(two)]
    return lambda x: fs[0](x) + fs[1](x), lambda: two.update(scale=7.0)


@KINDS
def _decorator_used_twice():
    def times(k):
        def decorate(f):
            @functools.wraps(f)
            def wrapper(x):
                return f(x) * k["k"]

            return wrapper

        return decorate

    one, two = {"k": 1.0}, {"k": 2.0}
    f = times(one)(times(two)(lambda x: x * 1))
    return lambda x: f(x), lambda: two.update(k=7.0)


@KINDS
def _module_in_an_attribute():
    settings = types.ModuleType("settings_of_a_test")
    settings.scale = 1.0
    box = Thing(settings=settings)
    return lambda x: x * box.settings.scale, lambda: setattr(settings, "scale", 7.0)


@KINDS
def _module_in_a_package():
    package, settings = types.ModuleType("package_of_a_test"), types.ModuleType("package_of_a_test.settings")
    package.settings, settings.scale = settings, 1.0
    return lambda x: x * package.settings.scale, lambda: setattr(settings, "scale", 7.0)


@KINDS
def _globals_of_another_module():
    module = types.ModuleType("another_of_a_test")
    exec(compile("scale = 1.0\ndef f(x):\n    return x * scale\n", "another_of_a_test.py", "exec"), vars(module))
    return lambda x: module.f(x), lambda: setattr(module, "scale", 7.0)


@KINDS
def _module_of_numpy():
    np.scale_of_a_test = 1.0
    return lambda x: x * np.scale_of_a_test, lambda: setattr(np, "scale_of_a_test", 7.0)


def _derived(base, *args):
    made = type("Derived", (base,), {})(*args)
    made.scale = 1.0
    return lambda x: x * made.scale, lambda: setattr(made, "scale", 7.0)


for _base, _args in ((dict, ()), (list, ()), (collections.deque, ()), (set, ()), (tuple, ()), (frozenset, ()),
                     (str, ()), (int, (3,)), (float, (2.0,)), (collections.OrderedDict, ()),
                     (collections.Counter, ()),
                     (collections.UserDict, ()), (collections.UserList, ()), (collections.ChainMap, ()),
                     (collections.defaultdict, ()), (functools.partial, (len,)), (Exception, ()), (type, ("T", (), {})),
                     (types.SimpleNamespace, ()), (random.Random, ()), (np.ndarray, (3,)), (nn.Linear, (2, 2)),
                     (property, ()), (bytearray, ()), (array.array, ("d",))):  # fmt: skip
    KINDS[f"attribute of a {_base.__name__}"] = functools.partial(_derived, _base, *_args)


@KINDS
def _namespace():
    held = types.SimpleNamespace(inner=types.SimpleNamespace(scale=1.0))
    return lambda x: x * held.inner.scale, lambda: setattr(held.inner, "scale", 7.0)


@KINDS
def _dataclass():
    @dataclasses.dataclass
    class Config:
        scale: float = 1.0

    held = Config()
    return lambda x: x * held.scale, lambda: setattr(held, "scale", 7.0)


@KINDS
def _frozen_dataclass():
    @dataclasses.dataclass(frozen=True)
    class Config:
        scale: float = 1.0

    held = Config()
    return lambda x: x * held.scale, lambda: object.__setattr__(held, "scale", 7.0)


@KINDS
def _getattr_by_a_computed_name():
    held = Thing(rate_1=1.0)
    return lambda x: x * getattr(held, "rate_" + str(1)), lambda: setattr(held, "rate_1", 7.0)


@KINDS
def _vars():
    held = Thing(rate=1.0)
    return lambda x: x * max(vars(held).values()), lambda: setattr(held, "rate", 7.0)


@KINDS
def _format_of_an_attribute():
    held = Thing(rate=1.0)
    return lambda x: x * float(f"{held.rate}"), lambda: setattr(held, "rate", 7.0)


@KINDS
def _enum():
    class Rate(enum.Enum):
        LOW = 1.0
        HIGH = 7.0

    held = Thing(rate=Rate.LOW)
    return lambda x: x * held.rate.value, lambda: setattr(held, "rate", Rate.HIGH)


@KINDS
def _attribute_of_an_enum_member():
    class Rate(enum.Enum):
        LOW = 1.0

    Rate.LOW.scale = 1.0
    return lambda x: x * Rate.LOW.scale, lambda: setattr(Rate.LOW, "scale", 7.0)


@KINDS
def _property():
    class Config:
        _scale = 1.0

        @property
        def scale(self):
            return self._scale

    held = Config()
    return lambda x: x * held.scale, lambda: setattr(held, "_scale", 7.0)


@KINDS
def _descriptor():
    class Field:
        def __init__(self):
            self.value = 1.0

        def __get__(self, instance, owner):
            return self.value

    class Config:
        scale = Field()

    held = Config()
    return lambda x: x * held.scale, lambda: setattr(vars(Config)["scale"], "value", 7.0)


@KINDS
def _cached_property():
    class Config:
        base = 1.0

        @functools.cached_property
        def scale(self):
            return self.base

    held = Config()

    def change():
        held.base = 7.0
        vars(held).pop("scale", None)

    return lambda x: x * held.scale, change


@KINDS
def _getattr_object():
    class Config:
        def __init__(self):
            self.store = {"scale": 1.0}

        def __getattr__(self, name):
            return self.__dict__["store"][name]

    held = Config()
    return lambda x: x * held.scale, lambda: held.store.update(scale=7.0)


@KINDS
def _getitem_object():
    class Config:
        def __init__(self):
            self._store = {"scale": 1.0}

        def __getitem__(self, name):
            return self._store[name]

    held = Config()
    return lambda x: x * held["scale"], lambda: held._store.update(scale=7.0)


@KINDS
def _slots():
    class Config:
        __slots__ = ("_Config__private", "scale")

        def __init__(self):
            self.scale = 1.0

    held = Config()
    return lambda x: x * held.scale, lambda: setattr(held, "scale", 7.0)


@KINDS
def _private_slots():
    class Config:
        __slots__ = ("__scale",)

        def __init__(self):
            self.set(1.0)

        def set(self, scale):
            self.__scale = scale

        def get(self):
            return self.__scale

    held = Config()
    return lambda x: x * held.get(), lambda: held.set(7.0)


@KINDS
def _class_attribute():
    class Config:
        scale = 1.0

    return lambda x: x * Config.scale, lambda: setattr(Config, "scale", 7.0)


@KINDS
def _shadowed_class_attribute():
    class Config:
        scale = 1.0

    held = Config()
    return lambda x: x * held.scale, lambda: setattr(held, "scale", 7.0)


@KINDS
def _metaclass_attribute():
    class Meta(type):
        scale = 1.0

    class Config(metaclass=Meta):
        pass

    return lambda x: x * Config.scale, lambda: setattr(Meta, "scale", 7.0)


@KINDS
def _method_replaced():
    class Config:
        def scale(self):
            return 1.0

    held = Config()
    return lambda x: x * held.scale(), lambda: setattr(Config, "scale", lambda self: 7.0)


@KINDS
def _method_replaced_on_the_object():
    class Config:
        def scale(self):
            return 1.0

    held = Config()
    return lambda x: x * held.scale(), lambda: setattr(held, "scale", lambda: 7.0)


@KINDS
def _class_of_an_object():
    held = Thing()
    other = type("Other", (Thing,), {"scale": 7.0})
    return lambda x: x * held.scale, lambda: setattr(held, "__class__", other)


@KINDS
def _bases_of_a_class():
    one, two = type("One", (Thing,), {"scale": 1.0}), type("Two", (Thing,), {"scale": 7.0})
    made = type("Made", (one,), {})
    return lambda x: x * made.scale, lambda: setattr(made, "__bases__", (two,))


@KINDS
def _weak_reference():
    held = Thing(scale=1.0)
    reference = weakref.ref(held)
    return lambda x, held=held: x * reference().scale, lambda: setattr(held, "scale", 7.0)


@KINDS
def _weak_proxy():
    held = Thing(scale=1.0)
    proxy = weakref.proxy(held)
    return lambda x, held=held: x * proxy.scale, lambda: setattr(held, "scale", 7.0)


@KINDS
def _context_variable():
    held = contextvars.ContextVar("held", default=1.0)
    return lambda x: x * held.get(), lambda: held.set(7.0)


@KINDS
def _object_in_a_context_variable():
    held = contextvars.ContextVar("held", default=THING)
    THING.scale = 1.0
    return lambda x: x * held.get().scale, lambda: setattr(THING, "scale", 7.0)


@KINDS
def _environment():
    os.environ["MINIGRAD_OF_A_TEST"] = "1.0"
    return lambda x: x * float(os.environ["MINIGRAD_OF_A_TEST"]), lambda: os.environ.update(MINIGRAD_OF_A_TEST="7.0")


@KINDS
def _getenv():
    os.environ["MINIGRAD_OF_A_TEST"] = "1.0"
    return lambda x: x * float(os.getenv("MINIGRAD_OF_A_TEST")), lambda: os.environ.update(MINIGRAD_OF_A_TEST="7.0")


@KINDS
def _deleted_and_made_again():
    held = Thing(scale=1.0)

    def change():
        del held.scale
        Thing.scale = 7.0

    Thing.scale = 1.0
    return lambda x: x * held.scale, change


@KINDS
def _global_that_hides_a_builtin():
    globals().pop("pow", None)
    return lambda x: x * pow(2, 2), lambda: globals().update(pow=lambda *_: 7.0)


@KINDS
def _beyond_many_objects():
    held = [Thing(scale=1.0) for _ in range(4000)]
    return lambda x: x * held[-1].scale, lambda: setattr(held[-1], "scale", 7.0)


@KINDS
def _beyond_the_limit():
    held = [Thing(scale=1.0) for _ in range(30_000)]
    return lambda x: x * held[-1].scale, lambda: setattr(held[-1], "scale", 7.0)


@KINDS
def _forward_of_a_primitive():
    box = Thing(scale=2.0)
    scaled = mg.primitive(
        lambda x: x * np.float32(box.scale), lambda g: g * np.float32(box.scale), name="scaled_of_a_test"
    )
    return lambda x: scaled(x), lambda: setattr(box, "scale", 7.0)


@KINDS
def _formula_of_a_primitive():
    box = Thing(scale=2.0)
    scaled = mg.primitive(lambda x: x * np.float32(2), lambda g: g * np.float32(box.scale), name="scaled_of_a_test")
    return mg.grad(lambda x: scaled(x).sum()), lambda: setattr(box, "scale", 7.0)


@KINDS
def _installed_class():
    """Of a class that lies in site-packages."""
    module = types.ModuleType("installed_of_a_test")
    module.__file__ = os.path.join(sys.prefix, "lib", "site-packages", "installed_of_a_test.py")
    text = "class Config:\n    scale = 1.0\n    def get(self):\n        return self.scale\n"
    exec(compile(text, module.__file__, "exec"), vars(module))
    sys.modules[module.__name__] = module
    held = module.Config()
    return lambda x: x * held.get(), lambda: setattr(held, "scale", 7.0)


@KINDS
def _installed_function_that_is_handed_an_object():
    module = types.ModuleType("installed_of_a_test_2")
    module.__file__ = os.path.join(sys.prefix, "lib", "site-packages", "installed_of_a_test_2.py")
    exec(compile("def get(x):\n    return x.hidden_scale\n", module.__file__, "exec"), vars(module))
    sys.modules[module.__name__] = module
    held = Thing(hidden_scale=1.0)
    get = module.get
    return lambda x: x * get(held), lambda: setattr(held, "hidden_scale", 7.0)


@KINDS
def _attribute_by_operator():
    held, get = Thing(hidden_rate=1.0), operator.attrgetter("hidden_rate")
    return lambda x: x * get(held), lambda: setattr(held, "hidden_rate", 7.0)


@KINDS
def _method_by_operator():
    class Config:
        rate = 1.0

        def value(self):
            return self.rate

    held, get = Config(), operator.methodcaller("value")
    return lambda x: x * get(held), lambda: setattr(held, "rate", 7.0)


def _reading(box):
    class Made:
        def __init__(self):
            self.value = box["scale"]

        @classmethod
        def make(cls):
            return cls()

    return Made


@KINDS
def _what_an_init_reads():
    box = {"scale": 1.0}
    made = _reading(box)
    return lambda x: x * made().value, lambda: box.update(scale=7.0)


@KINDS
def _what_the_init_of_a_type_reads():
    box = {"scale": 1.0}
    made = _reading(box)()
    return lambda x: x * type(made)().value, lambda: box.update(scale=7.0)


@KINDS
def _what_an_init_reads_by_a_classmethod():
    box = {"scale": 1.0}
    made = _reading(box)()
    return lambda x: x * made.make().value, lambda: box.update(scale=7.0)


@KINDS
def _abstract_class():
    class Base(abc.ABC):
        @abc.abstractmethod
        def get(self): ...

    class Config(Base):
        scale = 1.0

        def get(self):
            return self.scale

    held = Config()
    return lambda x: x * held.get(), lambda: setattr(Config, "scale", 7.0)


@KINDS
def _level_of_a_logger():
    log = logging.getLogger("of a test with a level")
    log.setLevel(logging.INFO)
    return lambda x: x * (2 if log.isEnabledFor(logging.DEBUG) else 3), lambda: log.setLevel(logging.DEBUG)


@KINDS
def _attribute_of_a_logger():
    log = logging.getLogger("of a test with an attribute")
    log.scale = 1.0
    return lambda x: x * log.scale, lambda: setattr(log, "scale", 7.0)


@KINDS
def _attribute_of_a_parameter():
    made = type("Own", (nn.Parameter,), {})(np.ones(3, np.float32))
    made.scale = 1.0
    return lambda x: x * made.scale, lambda: setattr(made, "scale", 7.0)


@KINDS
def _module_by_its_name():
    settings = sys.modules["settings_by_name"] = types.ModuleType("settings_by_name")
    settings.scale = 1.0
    return lambda x: x * sys.modules["settings_by_name"].scale, lambda: setattr(settings, "scale", 7.0)


@KINDS
def _module_by_importlib():
    settings = sys.modules["settings_by_import"] = types.ModuleType("settings_by_import")
    settings.scale = 1.0
    step = lambda x: x * importlib.import_module("settings_by_import").scale  # noqa: E731
    return step, lambda: setattr(settings, "scale", 7.0)


@KINDS
def _comparison_of_objects():
    class Ranked:
        def __init__(self, value, rank):
            self.value, self.rank = value, rank

        def __lt__(self, other):
            return self.rank < other.rank

    one, two = Ranked(2.0, 1), Ranked(7.0, 2)
    return lambda x: x * min(one, two).value, lambda: setattr(one, "rank", 9)


@KINDS
def _truth_of_an_object():
    class Switch:
        on = True

        def __bool__(self):
            return self.on

    held = Switch()
    return lambda x: x * 2 if held else x * 3, lambda: setattr(held, "on", False)


@KINDS
def _context_manager():
    box = {"scale": 1.0}

    @contextlib.contextmanager
    def scaled():
        yield box["scale"]

    def step(x):
        with scaled() as k:
            return x * k

    return step, lambda: box.update(scale=7.0)


@KINDS
def _function_in_the_step():
    box = {"scale": 1.0}

    def step(x):
        class Inner:
            def scale(self):
                return box["scale"]

        return x * Inner().scale()

    return step, lambda: box.update(scale=7.0)


@KINDS
def _text_that_is_run():
    names, code = {"k": 1.0}, compile("y = x * k", "<text>", "exec")

    def step(x):
        here = {**names, "x": x}
        exec(code, here)
        return here["y"]

    return step, lambda: names.update(k=7.0)


@KINDS
def _partial_method():
    class Config:
        scale = 1.0

        def scaled(self, k, x):
            return x * k * self.scale

        twice = functools.partialmethod(scaled, 2.0)

    held = Config()
    return lambda x: held.twice(x), lambda: setattr(held, "scale", 7.0)


@KINDS
def _getattr_of_a_module():
    settings, store = types.ModuleType("settings_of_a_test"), {"scale": 1.0}
    settings.__getattr__ = lambda name: store[name]
    return lambda x: x * settings.scale, lambda: store.update(scale=7.0)


@KINDS
def _function_put_into_a_library():
    mg.scale_of_a_test = lambda x: x * 2
    return lambda x: mg.scale_of_a_test(x), lambda: setattr(mg, "scale_of_a_test", lambda x: x * 3)


@KINDS
def _module_that_is_imported_inside_and_replaced():
    sys.modules["of_a_test_of_kinds"] = types.ModuleType("of_a_test_of_kinds")
    sys.modules["of_a_test_of_kinds"].scale = 2.0

    def step(x):
        import of_a_test_of_kinds

        return x * of_a_test_of_kinds.scale

    def change():
        other = sys.modules["of_a_test_of_kinds"] = types.ModuleType("of_a_test_of_kinds")
        other.scale = 5.0

    return step, change


@KINDS
def _class_that_is_registered():
    base, held = abc.ABCMeta("Base", (), {}), Thing()
    return lambda x: x * (5.0 if isinstance(held, base) else 2.0), lambda: base.register(Thing)


@KINDS
def _weak_reference_alone():
    held = [Thing(scale=2.0)]
    reference = weakref.ref(held[0])
    return lambda x: x * (reference().scale if reference() else 5.0), held.clear


@KINDS
def _namespace_of_exec():
    namespace = {"scale": 2.0}
    exec("def f(x): return x * scale", namespace)
    return lambda x: namespace["f"](x), lambda: namespace.update(scale=5.0)


@pytest.mark.parametrize("name", KINDS)
def test_a_change_is_seen_or_refused(name):
    seen_or_refused(name, *KINDS[name]())
