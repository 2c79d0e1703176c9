"""Exported C in tests: compiled where there is a compiler, and called through ctypes."""

import ctypes
import itertools
import re
import shutil
import subprocess

import numpy as np
import pytest

import minigrad as mg

COMPILER = next((path for path in map(shutil.which, ("cc", "gcc", "clang")) if path), None)
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler: cc, gcc or clang")

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic")
_TYPES = {"float": "f4", "double": "f8", "uint8_t": "u1", **{f"int{n}_t": f"i{n // 8}" for n in (8, 16, 32, 64)}}
_TYPES |= {f"uint{n}_t": f"u{n // 8}" for n in (16, 32, 64)}


_numbers = itertools.count()


class InC:
    """An exported step: its state, workspace and functions."""

    def __init__(self, path, *options):
        self.path = path
        library = path.with_suffix(f".{next(_numbers)}.so")  # a library of the same name would be loaded once
        command = [COMPILER, *STRICT, "-O1", *options, "-shared", "-fPIC", "-o", str(library), str(path), "-lm"]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        assert not made.returncode, made.stderr[:4000]
        self.library = ctypes.CDLL(str(library))
        self.prefix, self.header = path.stem, path.with_suffix(".h").read_text()
        for name in ("workspace", "image_size"):
            self.function(name).restype = ctypes.c_size_t
        self.members = self.struct(f"{self.prefix}_state")
        self.state = np.zeros(sum(np.dtype(t).itemsize * n for _, t, n in self.members) + 64, np.uint8)
        self.workspace = np.full(self.function("workspace")() + 64, 255, np.uint8)
        start = -self.workspace.ctypes.data % 64
        self.workspace = self.workspace[start:]
        image = path.with_suffix(".bin").read_bytes()
        assert self.function("init")(self.address(self.state), image, ctypes.c_size_t(len(image))) == 0
        signature = self.header.split(f"int {self.prefix}_run(")[1].split(");")[0]
        self.parameters = [tuple(re.match(r"\s*(?:const )?(\w+) \*(\w+)", x).groups()) for x in signature.split(",")][
            2:
        ]

    def function(self, name):
        return getattr(self.library, f"{self.prefix}_{name}")

    def address(self, array):
        return ctypes.c_void_p(array.ctypes.data)

    def struct(self, name):
        found = self.header.split(f"typedef struct {name} {{\n")[1:]
        rows = re.findall(r"^    (\w+) (\w+)\[(\d+)\];", found[0].split("\n} ")[0], re.MULTILINE) if found else []
        return [(member, _TYPES[c], int(n)) for c, member, n in rows]

    def run(self, *arguments):
        """(the code, the outputs, the gradients) of a run, each an array of one axis."""
        arrays = [np.ascontiguousarray(x) for x in arguments]
        given = [self.address(x) for x in arrays]
        shapes = re.split(r"\n   Outputs", self.header)[1]
        outputs, gradients = [], {}
        for c, name in self.parameters[len(arrays) :]:
            if c.endswith("_gradients"):
                rows = self.struct(c)
                whole = np.zeros(1, np.dtype([(m, t, (n,)) for m, t, n in rows], align=True))
                gradients = {m: whole[0][m] for m, _, _ in rows}
                given.append(self.address(whole))
                continue
            shape = re.search(rf"\n    {name}: \w+ \(([\d, ]*)\)", shapes)[1]
            size = int(np.prod([int(n) for n in shape.split(",") if n.strip()], dtype=int))
            outputs.append(np.zeros(max(size, 1), _TYPES[c])[:size])
            given.append(self.address(outputs[-1]))
        code = self.function("run")(self.address(self.state), self.address(self.workspace), *given)
        return code, outputs, gradients

    def saved(self):
        """The bytes of the state."""
        image = np.zeros(self.function("image_size")(), np.uint8)
        self.function("save")(self.address(self.state), self.address(image))
        return image.tobytes()

    def arrays(self, image=None):
        """The members of the state by name, of now or of a file."""
        image, at, found = image or self.saved(), 16, {}
        for name, dtype, n in self.members:
            found[name] = np.frombuffer(image, dtype, n, at)
            at += found[name].nbytes
        return found


def exported(f, path, *arguments, calls=3):
    """A function compiled by minigrad and exported to a path."""
    made = mg.compile(f, backend="numpy")
    for _ in range(calls):
        made(*arguments)
    made.export(path)
    return made


def same(made, expected, digits=None):
    """Equal to rounding: differences measured by the largest number."""
    expected = np.asarray(expected).reshape(-1)
    made = np.asarray(made).reshape(-1)
    bound = digits or {"f4": 2e-5, "f8": 1e-11}.get(expected.dtype.str[1:], 0)
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(made[~finite], expected[~finite])
    scale = max(1e-3, np.abs(expected[finite]).max(initial=0)) if expected.dtype.kind == "f" else 1
    np.testing.assert_allclose(made[finite].astype(float) / scale, expected[finite].astype(float) / scale, 0, bound)


def follows(f, path, *arguments, steps=20, options=(), digits=None):
    """An exported step makes the same steps as the function: results, gradients and state."""
    made = exported(f, path, *arguments)
    in_c = InC(path, *options)
    for _ in range(steps):
        expected = made(*arguments)
        code, outputs, _ = in_c.run(*arguments)
        assert code == 0
        for x, y in zip(outputs, expected if isinstance(expected, tuple) else (expected,), strict=True):
            same(x, getattr(y, "data", y), digits)
    made.export(path)
    now = in_c.arrays(path.with_suffix(".bin").read_bytes())
    for name, array in in_c.arrays().items():
        same(array, now[name], digits and 10 * digits)
    return in_c
