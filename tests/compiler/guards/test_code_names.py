"""Whose code it is, by its file."""

import logging
import math
import os
import sys

import numpy as np
import pytest

import minigrad as mg
from minigrad.compiler.guards.code_names import is_library, spoken_in
from minigrad.compiler.guards.reachable import Reach

LOGGER = logging.getLogger(__name__)


@pytest.mark.parametrize(
    ("path", "library"),
    [("src/app/step.py", False), ("lib/python3/dist-packages/numpy/linalg.py", True), ("site-packages/x.py", True)],
)
def test_a_project_may_lie_below_the_prefix(path, library):
    assert is_library(os.path.join(sys.prefix, *path.split("/"))) is library
    assert is_library(os.__file__)
    assert is_library(mg.__file__)


def test_code_without_a_file_is_the_user_s():
    namespace = {"rate": 2.0}
    exec(compile("def f(x):\n    return x * rate\n", "<cell 7>", "exec"), namespace)
    made = mg.compile(namespace["f"], backend="numpy")
    for rate in (2.0, 2.0, 2.0, 3.0):
        namespace["rate"] = rate
        assert made(np.ones(()).reshape(1))[0] == rate


def _by_attribute(logger, x):
    logger.info(x)
    return np.log(x)


def _by_name(log, print, x):  # noqa: A002
    return lambda: (log, print(x))


def test_what_is_said_is_told_from_functions_of_the_same_names():
    assert spoken_in(_by_attribute.__code__) == {("", "info"), ("np", "log")}
    assert spoken_in(_by_name.__code__) == {("log", ""), ("print", "")}


LIST: list = []

SAYING = {
    "np.log": (lambda x: np.log(x), False),
    "math.log": (lambda x: math.log(x), False),
    "a list": (lambda x, log=LIST: log.append(x), False),
    "print": (lambda x: print(x), True),
    "a logger": (lambda x: LOGGER.info(x), True),
    "an attribute": (lambda x: x.log(1), True),
    "a tensor's own": (lambda x: (x + 1).log() + x.log(), False),
}


@pytest.mark.parametrize(("step", "speaks"), SAYING.values(), ids=list(SAYING))
def test_a_logarithm_is_not_said(step, speaks):
    assert Reach(step).speaks is speaks
