"""What a step reads of containers, arrays and buffers: after a change a call sees the new value, or is refused."""

import array
import collections
import configparser
import dataclasses
import functools
import sys
import tempfile
import types
import weakref

import numpy as np
import pytest

import minigrad as mg
from tests.compiler.guards.reading import Kinds, Thing, seen_or_refused

KINDS = Kinds()


@KINDS
def _module_in_a_list():
    settings = types.ModuleType("settings_of_a_test")
    settings.scale = 1.0
    modules = [settings]
    return lambda x: x * modules[0].scale, lambda: setattr(settings, "scale", 7.0)


def _mapping(make):
    inner = {"scale": 1.0}
    held = make(inner)
    return lambda x: x * held["scale"], lambda: inner.update(scale=7.0)


for _make in (collections.ChainMap, types.MappingProxyType, lambda d: collections.ChainMap({}, d)):
    KINDS[f"mapping {len(KINDS)}"] = functools.partial(_mapping, _make)


def _own_mapping(make):
    held = make(scale=1.0)
    return lambda x: x * held["scale"], lambda: held.update(scale=7.0)


for _make in (dict, collections.UserDict, collections.OrderedDict, collections.Counter, type("D", (dict,), {}),
              lambda **k: collections.defaultdict(float, k), type("U", (collections.UserDict,), {})):  # fmt: skip
    KINDS[f"own mapping {len(KINDS)}"] = functools.partial(_own_mapping, _make)


@KINDS
def _user_list():
    held = collections.UserList([1.0])
    return lambda x: x * held[0], lambda: held.__setitem__(0, 7.0)


@KINDS
def _bound_get():
    inner = {"scale": 1.0}
    get = inner.get
    return lambda x: x * get("scale"), lambda: inner.update(scale=7.0)


@KINDS
def _bound_getitem():
    inner = [1.0]
    get = inner.__getitem__
    return lambda x: x * get(0), lambda: inner.__setitem__(0, 7.0)


@KINDS
def _views_of_a_dict():
    inner = {"scale": 1.0}
    keys, values, items = inner.keys(), inner.values(), inner.items()
    return lambda x: x * max(values) * len(keys) * len(items), lambda: inner.update(scale=7.0)


@KINDS
def _singledispatch_registry():
    @functools.singledispatch
    def f(x):
        return x * 1.0

    def change():
        f.register(mg.Tensor)(lambda x: x * 7.0)

    return lambda x: f(x), change


@KINDS
def _array():
    held = array.array("d", [1.0, 2.0])
    return lambda x: x * held[0], lambda: held.__setitem__(0, 7.0)


@KINDS
def _bytearray():
    held = bytearray(b"\x01\x02")
    return lambda x: x * held[0], lambda: held.__setitem__(0, 7)


@KINDS
def _memoryview():
    held = bytearray(b"\x01\x02")
    view = memoryview(held)
    return lambda x: x * view[0], lambda: held.__setitem__(0, 7)


@KINDS
def _config_parser():
    config = configparser.ConfigParser()
    config.read_string("[train]\nscale = 1.0\n")
    return lambda x: x * config.getfloat("train", "scale"), lambda: config.set("train", "scale", "7.0")


@KINDS
def _section_of_a_config():
    config = configparser.ConfigParser()
    config.read_string("[train]\nscale = 1.0\n")
    section = config["train"]
    return lambda x: x * float(section["scale"]), lambda: config.set("train", "scale", "7.0")


@KINDS
def _asdict():
    @dataclasses.dataclass
    class Config:
        scale: float = 1.0

    held = Config()
    return lambda x: x * max(dataclasses.asdict(held).values()), lambda: setattr(held, "scale", 7.0)


@KINDS
def _dict_of_an_object():
    held = Thing(rate=1.0)
    return lambda x: x * held.__dict__["ra" + "te"], lambda: setattr(held, "rate", 7.0)


@KINDS
def _weak_dict():
    key = Thing()
    held = weakref.WeakKeyDictionary({key: 1.0})
    return lambda x: x * held[key], lambda: held.__setitem__(key, 7.0)


@KINDS
def _memmap_like_array():
    held = np.full(300_000, 1.0)  # more than a megabyte
    return lambda x: x * float(held.max()), lambda: held.__setitem__(3, 7.0)


@KINDS
def _object_array():
    held = np.array([1.0, None], object)
    return lambda x: x * held[0], lambda: held.__setitem__(0, 7.0)


@KINDS
def _record():
    held = np.array([(1.0,)], dtype=[("scale", "f8")])
    return lambda x: x * float(held["scale"][0]), lambda: held["scale"].__setitem__(0, 7.0)


@KINDS
def _large_dict_by_key():
    held = Thing(words={str(i): float(i) for i in range(500)})
    return lambda x: x * held.words["3"], lambda: held.words.update({"3": 7.0})


@KINDS
def _large_dict_by_a_missing_key():
    held = Thing(words={str(i): float(i) for i in range(500)})
    return lambda x: x * held.words.get("new", 2.0), lambda: held.words.update(new=7.0)


@KINDS
def _large_dict_as_a_whole():
    held = Thing(words={str(i): float(i) for i in range(500)})
    return lambda x: x * sum(held.words.values()), lambda: held.words.update({"3": 7.0})


@KINDS
def _large_list_by_index():
    held = [float(i) for i in range(500)]
    return lambda x: x * held[-2], lambda: held.append(7.0)


@KINDS
def _large_list_in_a_large_list():
    held = [[float(i)] for i in range(500)]
    return lambda x: x * held[3][0], lambda: held[3].__setitem__(0, 7.0)


@KINDS
def _large_set():
    held = set(range(500))
    return lambda x: x * (2.0 if 700 in held else 3.0), lambda: held.add(700)


@KINDS
def _large_set_in_another():
    held = set(range(500))
    return lambda x: x * (2.0 if {700}.issubset(held) else 3.0), lambda: held.add(700)


@KINDS
def _large_dict_in_a_tuple():
    held = ({str(i): float(i) for i in range(500)},)
    return lambda x: x * held[0]["3"], lambda: held[0].update({"3": 7.0})


@KINDS
def _length_of_a_large_list():
    held = [float(i) for i in range(500)]
    return lambda x: x * len(held), lambda: held.append(7.0)


@KINDS
def _order_by_a_bound_get():
    order, values = {"a": 1, "b": 2}, {"a": 2.0, "b": 7.0}
    return lambda x: x * values[min(values, key=order.get)], lambda: order.update(a=3)


@KINDS
def _list_of_a_library():
    sys.list_of_a_test = [1.0]
    return lambda x: x * sys.list_of_a_test[0], lambda: sys.list_of_a_test.__setitem__(0, 7.0)


@KINDS
def _missing_key():
    class Default(dict):
        def __missing__(self, key):
            return self.other

    held = Default()
    held.other = 1.0
    return lambda x: x * held["none"], lambda: setattr(held, "other", 7.0)


@KINDS
def _masked_array():
    held = np.ma.array([2.0, 3.0, 4.0], mask=[0, 0, 0])
    return lambda x: x * float(held.sum()), lambda: held.mask.__setitem__(0, True)


@KINDS
def _view_of_an_array():
    whole = np.ones(6)
    part = whole[::2]
    return lambda x: x * float(part.sum()), lambda: whole.__setitem__(0, 7.0)


@KINDS
def _large_dict_by_two_ways():
    words = {str(i): float(i) for i in range(500)}
    held, get = Thing(words=words), words.get
    return lambda x: x * held.words["3"] * get("4"), lambda: words.update({"4": 7.0})


@KINDS
def _large_dict_in_a_cache():
    words = {str(i): float(i) for i in range(500)}
    cached = functools.lru_cache(lambda: words)
    cached()
    return lambda x: x * cached()["3"] * words["4"], lambda: words.update({"3": 7.0})


@KINDS
def _large_dict_that_the_step_keeps():
    words, box = {str(i): float(i) for i in range(500)}, Thing(kept=None)

    def step(x):
        if not box.kept:
            box.kept = [words]
        return x * box.kept[0]["3"]

    return step, lambda: words.update({"3": 7.0})


@KINDS
def _weak_values():
    held = [Thing(scale=2.0)]
    values = weakref.WeakValueDictionary(a=held[0])
    return lambda x: x * (values["a"].scale if "a" in values else 5.0), held.clear


@KINDS
def _memory_map_in_an_attribute():
    with tempfile.NamedTemporaryFile() as file:
        held = Thing(map=np.memmap(file.name, np.float32, "w+", shape=3))
    held.map[:] = 2
    return lambda x: x * held.map * float(held.map.sum()), lambda: held.map.__imul__(3)


@pytest.mark.parametrize("name", KINDS)
def test_a_change_is_seen_or_refused(name):
    seen_or_refused(name, *KINDS[name]())
