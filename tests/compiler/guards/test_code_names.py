"""Whose code it is, by its file."""

import os
import sys

import numpy as np
import pytest

import minigrad as mg
from minigrad.compiler.guards.code_names import is_library


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
