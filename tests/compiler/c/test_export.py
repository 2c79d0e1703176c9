"""Whole steps as C: compiled without a warning, run beside the step, and refused by name where they have no form."""

import re
import shutil
import subprocess
import sys
from unittest import mock

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.compiler.c import forms
from tests.compiler.c.compiling import COMPILER, STRICT, InC, exported, follows, needs_compiler, same
from tests.compiler.test_compiled import data

OPTIMIZERS = {
    "NAdam": {}, "SGD": {"lr": 0.1, "momentum": 0.9, "decay": 1e-2}, "Adam": {}, "AdamW": {}, "RMSProp": {},
    "AdaGrad": {}, "RAdam": {}, "Lion": {}, "Adamax": {}, "Adadelta": {},
}  # fmt: skip


def spiral(kind="Adam", **options):
    """The step of a small classifier, and its arguments."""
    model = nn.Sequential(
        nn.Linear(2, 16, generator=np.random.default_rng(0)), nn.ReLU(),
        nn.Linear(16, 3, generator=np.random.default_rng(1)),
    )  # fmt: skip
    optimizer = getattr(optim, kind)(model.parameters(), **({"lr": 0.01} | options))

    def step(x, y):
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    generator = np.random.default_rng(2)
    return step, generator.standard_normal((20, 2)).astype(np.float32), np.arange(20) % 3


@needs_compiler
@pytest.mark.parametrize(
    "kind", [x if i < 2 else pytest.param(x, marks=pytest.mark.slow) for i, x in enumerate(OPTIMIZERS)]
)
def test_steps_of_each_optimizer(kind, tmp_path):
    step, x, y = spiral(kind, **OPTIMIZERS[kind])
    follows(step, tmp_path / "step.c", x, y, steps=70)  # past the 64th, when tiny numbers are set to zero


def test_the_files_without_a_compiler(tmp_path):
    step, x, y = spiral()
    compiled = exported(step, tmp_path / "step.c", x, y)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step.bin", "step.c", "step.h"]
    header, source = (tmp_path / "step.h").read_text(), (tmp_path / "step.c").read_text()
    assert "int step_run(step_state *state,\n    void *workspace,\n    const float *x,\n    const int64_t *y," in header
    assert "0.weight (16, 2), 0.bias (16) from 32" in header
    assert re.search(r"1: expected false: at_least = largest >= 3   test_export.py:\d+: loss = nn", header)
    assert (
        "loss = nn.functional.cross_entropy(model(x), y)" in source
    )  # the user's line, at the kernels that come from it
    assert "malloc" not in source
    assert (tmp_path / "step.bin").read_bytes()[:8] == b"minigrad"
    before = source
    compiled.export(tmp_path / "step.c")
    assert (tmp_path / "step.c").read_text() == before  # the same program, the same text


@needs_compiler
def test_conditions_change_nothing(tmp_path):
    step, x, y = spiral()
    exported(step, tmp_path / "step.c", x, y)
    in_c = InC(tmp_path / "step.c", "-O0")
    before = in_c.saved()
    wrong = np.where(np.arange(20) == 7, 3, y)
    code, (loss,), gradients = in_c.run(x, wrong)
    assert code == 1
    assert loss == 0
    assert all(not g.any() for g in gradients.values())
    assert in_c.saved() == before
    assert in_c.run(np.full_like(x, np.nan), y)[0] > 1  # what is not finite, formulas look at again
    assert in_c.saved() == before
    assert in_c.run(x, y)[0] == 0
    assert in_c.saved() != before


@needs_compiler
def test_the_state_is_read_with_care(tmp_path):
    step, x, y = spiral("SGD", momentum=0.9)
    exported(step, tmp_path / "step.c", x, y)
    in_c = InC(tmp_path / "step.c", "-O0")
    image, before = bytearray((tmp_path / "step.bin").read_bytes()), in_c.saved()
    assert bytes(image) == before
    for place in (0, 9, 40, len(image) - 8, len(image) - 1):
        damaged = image.copy()
        damaged[place] ^= 1
        assert in_c.function("init")(in_c.address(in_c.state), bytes(damaged), len(damaged)) == -1
    assert in_c.function("init")(in_c.address(in_c.state), bytes(image[:-1]), len(image) - 1) == -1
    assert in_c.saved() == before
    in_c.run(x, y)
    later = in_c.saved()
    assert in_c.function("init")(in_c.address(in_c.state), later, len(later)) == 0
    assert in_c.arrays()["optimizer_iterations"] == [4]
    assert in_c.saved() == later


@needs_compiler
def test_results_in_a_structure_and_gradients(tmp_path):
    w = mg.tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)

    def step(x):
        w.zero_grad()
        loss = (mg.tanh(x @ w) ** 2).sum()
        loss.backward()
        return {"loss": loss, "parts": [x * 2, (x > 0).sum()]}

    x = np.random.default_rng(0).standard_normal((4, 2))
    exported(step, tmp_path / "step.c", x)
    in_c = InC(tmp_path / "step.c", "-O0")
    code, (loss, twice, count), gradients = in_c.run(x)
    made = step(x)
    assert code == 0
    same(loss, made["loss"].data)
    same(twice, x * 2)
    same(count, (x > 0).sum())
    same(gradients["w"], w.grad)


@needs_compiler
def test_gradients_that_add_up_are_kept(tmp_path):
    w = mg.tensor(np.arange(3.0), requires_grad=True)

    def step(x):
        loss = (x * w * w).sum()
        loss.backward()
        return loss

    x = np.array([1.0, -2.0, 3.0])
    step(x)
    follows(step, tmp_path / "step.c", x, steps=3, options=("-O0",))


@needs_compiler
def test_arguments_that_lie_otherwise(tmp_path):
    def f(x, y):
        return mg.exp(x) @ y, x.T.reshape(-1)

    x, y = np.random.default_rng(0).standard_normal((2, 6, 6))
    follows(f, tmp_path / "f.c", np.asfortranarray(x)[::2], y[:, ::-1], steps=1, options=("-O0",))


@needs_compiler
def test_it_asks_for_no_memory(tmp_path):
    step, x, y = spiral()
    exported(step, tmp_path / "step.c", x, y)
    subprocess.run(
        [COMPILER, *STRICT, "-O1", "-c", str(tmp_path / "step.c"), "-o", str(tmp_path / "step.o")], check=True
    )
    nm = shutil.which("nm") or pytest.skip("there is no nm")
    found = subprocess.run([nm, "-u", str(tmp_path / "step.o")], capture_output=True, text=True, check=True).stdout
    wanted = {line.split()[-1].lstrip("_") for line in found.splitlines() if line.strip()}
    assert not wanted & {"malloc", "calloc", "realloc", "free", "aligned_alloc"}
    assert wanted <= {
        "memcpy",
        "memcmp",
        "memset",
        "sqrt",
        "sqrtf",
        "pow",
        "rintf",
        "GLOBAL_OFFSET_TABLE_",
        "stack_chk_fail",
    }


_MAIN = """
#include <stdio.h>
#include <stdlib.h>
#include "step.h"
int main(void)
{
    static step_state state;
    static float x[40], loss[1];
    static int64_t y[20];
    static step_gradients gradients;
    void *workspace = malloc(step_workspace()), *image = malloc(step_image_size());
    FILE *file = fopen("step.bin", "rb");
    if (!file || fread(image, 1, step_image_size(), file) != step_image_size()) return 2;
    fclose(file);
    if (step_init(&state, image, step_image_size())) return 3;
    for (int i = 0; i < 40; i++) x[i] = (float)(i % 7) - 3;
    for (int i = 0; i < 20; i++) y[i] = i % 3;
    for (int k = 0; k < 70; k++) {
        if (step_run(&state, workspace, x, y, loss, k % 2 ? &gradients : NULL)) return 4;
    }
    step_save(&state, image);
    y[3] = 9;
    if (!step_run(&state, workspace, x, y, loss, NULL)) return 5;
    printf("%.3f\\n", (double)loss[0]);
    free(workspace);
    free(image);
    return 0;
}
"""


@needs_compiler
@pytest.mark.slow
def test_under_sanitizers(tmp_path):
    step, x, y = spiral()
    exported(step, tmp_path / "step.c", x, y)
    (tmp_path / "main.c").write_text(_MAIN)
    flags = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1"]
    command = [COMPILER, *STRICT, *flags, "main.c", "step.c", "-o", "step", "-lm"]
    made = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    if "cannot find" in made.stderr:
        pytest.skip("the compiler has no sanitizers")
    assert not made.returncode, made.stderr
    ran = subprocess.run(["./step"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert not ran.returncode, ran.stderr
    assert 0 < float(ran.stdout) < 1.1


@pytest.mark.slow
def test_as_web_assembly(tmp_path):
    node = shutil.which("node") or pytest.skip("there is no node")
    pytest.importorskip("ziglang", reason="pip install ziglang brings a compiler for WebAssembly")
    step, x, y = spiral()
    exported(step, tmp_path / "step.c", x, y)
    names = ("step_run", "step_init", "step_workspace", "step_image_size", "malloc")
    flags = ["-target", "wasm32-wasi", "-mexec-model=reactor", "-O2", "-s", *[f"-Wl,--export={name}" for name in names]]
    command = [sys.executable, "-m", "ziglang", "cc", *STRICT, *flags, "step.c", "-o", "step.wasm"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "x.bin").write_bytes(x.tobytes())
    (tmp_path / "run.js").write_text("""
const fs = require('fs'), { WASI } = require('wasi'), wasi = new WASI({ version: 'preview1' });
WebAssembly.instantiate(fs.readFileSync('step.wasm'), wasi.getImportObject()).then(({ instance }) => {
  wasi.initialize(instance);
  const c = instance.exports, image = fs.readFileSync('step.bin'), x = fs.readFileSync('x.bin');
  const at = [4096, c.step_workspace(), image.length, x.length, 160, 8].map((n) => c.malloc(n));
  const [state, work, bytes, px, py, loss] = at, put = (p, from) => new Uint8Array(c.memory.buffer).set(from, p);
  put(bytes, image), put(px, x);
  new BigInt64Array(c.memory.buffer, py, 20).set([...Array(20).keys()].map((i) => BigInt(i % 3)));
  if (c.step_init(state, bytes, image.length)) throw 'init';
  for (let k = 0; k < 5; k++) if (c.step_run(state, work, px, py, loss, 0)) throw 'run';
  console.log(new Float32Array(c.memory.buffer, loss, 1)[0]);
});
""")
    made = subprocess.run([node, "--no-warnings", "run.js"], cwd=tmp_path, capture_output=True, text=True, check=True)
    for _ in range(5):
        loss = step(x, y)
    same(np.float32(made.stdout), loss.data)


# -- what has no form -----------------------------------------------------------------------------


class Counted:
    def __init__(self):
        self.n = 0

    def __call__(self, x):
        self.n += 1
        return x * self.n


def _loop(x):
    return mg.scan(lambda y, _: (y * 0.5, None), x, length=3)[0]


def _drops(x):
    return nn.functional.dropout(x, 0.5, generator=_GENERATOR)


_GENERATOR = np.random.default_rng(0)
REFUSED = {
    "LAPACK": (lambda x: mg.linalg.inv(x), r"np.linalg.inv has no form in C.*\n  .*test_export.py:\d+: .*inv\(x\)"),
    "Fourier": (lambda x: abs(mg.fft.fft(x)), r"dtype complex128 have no form in C"),
    "sorting": (lambda x: mg.sort(x, 0), r"np.sort has no form in C"),
    "random": (_drops, "draws random numbers.*\n  .*test_export.py"),
    "what is kept in Python": (Counted(), "keeps .*n.* in Python from one call to the next"),
    "loops": (_loop, "mg.scan is a program inside of the program"),
    "half": (lambda x: x.astype(np.float16) * 2, "dtype float16 have no form in C"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_has_no_form_is_refused_by_name(kind, tmp_path):
    f, message = REFUSED[kind]
    with pytest.raises(mg.errors.CompileError, match=f"(?s)^export: .*{message}") as caught:
        exported(f, tmp_path / "f.c", np.eye(3) + 1, calls=5)
    assert str(caught.value).count("export: ") == 1
    assert not list(tmp_path.iterdir())


def test_a_form_that_fails_is_refused_with_its_line(tmp_path):
    fails = mock.patch.object(forms, "made", side_effect=KeyError("a case that nobody thought of"))
    with fails, pytest.raises(mg.errors.CompileError, match=r"(?s)KeyError: 'a case that nobody.*test_export.py:\d+"):
        exported(lambda x: x @ x, tmp_path / "f.c", np.eye(2))
    assert not list(tmp_path.iterdir())


def test_numbers_of_python_are_refused(tmp_path):
    compiled = mg.compile(lambda x, scale: x * scale, backend="numpy")
    for k in range(5):
        compiled(np.eye(3), 0.5 + k)
    with pytest.raises(mg.errors.CompileError, match=r"export: .* is a number of Python that varies"):
        compiled.export(tmp_path / "f.c")


def test_names_that_c_has_taken(tmp_path):
    exported(lambda double, state, y1: double @ state + y1, tmp_path / "a-step.c", *np.ones((3, 2, 2)))
    text = (tmp_path / "a-step.h").read_text()
    assert "int a_step_run(const a_step_state *state,\n    void *workspace,\n    const double *double_2," in text
    compiled = exported(lambda x: x * 2, tmp_path / "f.c", np.ones(2))
    with pytest.raises(mg.errors.CompileError, match="'1' is no name in C"):
        compiled.export(tmp_path / "1.c")
    for ending in ("c", "py"):
        with pytest.raises(mg.errors.FileError, match=r"export: there is no folder '.*absent'"):
            compiled.export(tmp_path / "absent" / f"step.{ending}")
        (tmp_path / f"step.{ending}").mkdir()
        with pytest.raises(mg.errors.FileError, match=rf"step\.{ending}' is a folder, which a file does not replace"):
            compiled.export(tmp_path / f"step.{ending}")
    with pytest.raises(mg.errors.CompileError, match=r"expected 'name.py', or 'name.c'"):
        compiled.export(tmp_path / "f.cpp")


@needs_compiler
def test_a_batch_of_spiral_data(tmp_path):
    x, y = data()
    step, _, _ = spiral("SGD", lr=optim.schedules.cosine(0.5, steps=10))
    follows(step, tmp_path / "step.c", x, y, options=("-O0",))
