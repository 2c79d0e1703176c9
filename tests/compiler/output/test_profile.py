"""Where the time of a program goes, and pictures: of programs, and of the graph of a tensor."""

import os
import re
import shutil
import subprocess
import sys
import types
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.compiler import backends
from minigrad.compiler.output.profile import profiled
from minigrad.compiler.tracing.trace_comparison import same_bits
from minigrad.errors import CompileError, DTypeError, GraphError
from minigrad.viz import dot
from tests.compiler.test_compiled import OPTIMIZERS, assert_same, data, trainer

needs_graphviz = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")


@pytest.fixture
def spiral():
    model, optimizer, step = trainer(OPTIMIZERS["Adam"], (2, 64, 3))
    x, y = data(300)
    compiled = mg.compile(step)
    for _ in range(4):
        compiled(x, y)
    return model, optimizer, compiled, x, y


def kernel(profile, name):
    (found,) = [kernel for kernel in profile.kernels if kernel.name == name]
    return found


# -- times ----------------------------------------------------------------------------------------


def test_bytes_and_operations_of_each_call(spiral):
    *_, step, x, y = spiral
    assert step.stats()["kernels"] == []
    profile = step.profile(x, y, repeats=3)
    product = kernel(profile, "product")
    assert product.text == "product = np.matmul(x, transposed)"
    assert (product.read, product.written) == (4 * (600 + 128), 4 * 300 * 64)
    assert product.flops == 2 * 300 * 2 * 64
    assert kernel(profile, "layers_0_linear").flops == 0
    assert kernel(profile, "part").read == 8 * 300 + 4 * 300  # so many of 900 numbers, and where they are
    assert kernel(profile, "reshaped").read == kernel(profile, "reshaped").written == 0  # a view
    assert kernel(profile, "reshaped_4").written == 4 * 300  # by an index
    assert kernel(profile, "summed_2").written == 4
    gathered = kernel(profile, "gradients")
    assert gathered.read == gathered.written == 4 * 387
    assert kernel(profile, "weights").read == 2 * 4 * 387
    assert {kernel.phase for kernel in profile.kernels} == {"forward", "backward", "update"}
    assert all(kernel.microseconds > 0 for kernel in profile.kernels)
    assert profile.microseconds == sum(kernel.microseconds for kernel in profile.kernels)
    assert step.stats()["kernels"] == [(kernel.text, kernel.microseconds) for kernel in profile.kernels]
    in_source = step.source()
    assert all(kernel.text in in_source for kernel in profile.kernels if kernel.name != "rates")


def test_the_table_is_sorted_by_time(spiral):
    *_, step, x, y = spiral
    head, *rows, total = repr(step.profile(x, y, repeats=3)).splitlines()
    assert head.split()[:2] == ["µs", "%"]
    times = [float(row.split()[0]) for row in rows]
    assert times == sorted(times, reverse=True)
    assert total.endswith(f"{len(rows)} kernels, medians of 3 runs")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_profile_changes_nothing(name):
    eager, compiled = trainer(OPTIMIZERS[name]), trainer(OPTIMIZERS[name])
    step, (x, y) = mg.compile(compiled[2]), data()
    for _ in range(5):
        eager[2](x, y)
        step(x, y)
    gradients = [p.grad for p in compiled[0].parameters()]
    loss = nn.functional.cross_entropy(compiled[0](x), y)
    step.profile(x, y, repeats=2)
    assert_same(eager, compiled)
    assert all(p.grad is g for p, g in zip(compiled[0].parameters(), gradients, strict=True))
    loss.backward()  # nothing that it was computed from has changed
    for _ in range(3):
        assert same_bits(eager[2](x, y).data, step(x, y).data)
    assert step.stats()["replayed"] == 6


def test_a_profile_needs_a_program_and_arguments_that_fit(spiral):
    *_, step, x, y = spiral
    with pytest.raises(CompileError, match="no program for these arguments yet"):
        step.profile(x[:5], y[:5])
    with pytest.raises(CompileError, match="a condition of the program does not hold"):
        step.profile(x, y + 3)
    step(x, y)


def test_a_backend_that_cannot_look_inside_has_one_kernel(spiral):
    *_, step, x, y = spiral
    ready = step._latest
    built = ready.built._replace(timed=None)
    profile = profiled(built, ready.listing, [x, y], 2, lambda: None)
    (whole,) = profile.kernels
    assert str(profile).endswith("1 kernel, medians of 2 runs")
    assert whole.phase == "forward"
    assert "np.matmul(x, transposed)" in whole.text
    built = ready.built._replace(timed=None, run=lambda *_: backends.MISSED)
    with pytest.raises(CompileError, match="does not hold"):
        profiled(built, ready.listing, [x, y], 2, lambda: None)


@pytest.mark.native
def test_fused_kernels():
    pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")
    model, _, function = trainer(OPTIMIZERS["Adam"], (2, 64, 3))
    step, (x, y) = mg.compile(function, backend="native"), data(300)
    for _ in range(3):
        step(x, y)
    before = model.state_dict()
    profile = step.profile(x, y, repeats=2)
    assert all(same_bits(array, before[name]) for name, array in model.state_dict().items())
    (fused,) = [kernel for kernel in profile.kernels if "relu = " in kernel.text]
    assert len(fused.calls) == 3
    assert fused.phase == "forward"
    assert "layers_0_linear = product + layers_0_bias; relu = " in fused.text
    assert fused.written == 300 * 64 * (4 + 1)  # relu, and where it is above 0; what is added stays in registers
    assert kernel(profile, "layers_1_linear").written == 4 * 300 * 3
    assert len(max(repr(profile).splitlines(), key=len)) < 160
    assert "layers_0_linear, relu, ne (3 calls)" in step.graph().dot
    assert "scratch, weights (12 calls)" in step.graph().dot


# -- pictures -------------------------------------------------------------------------------------


def _groups(dot):
    found, group = {}, ""
    for line in dot.splitlines():
        if "subgraph" in line:
            group = "?"
        elif group == "?" and "label=" in line:
            group = line.split('label="')[1].split('"')[0]
        elif line == "  }":
            group = ""
        elif "tooltip" in line:
            found[line.split('label="')[1].split("\\n")[0]] = group
    return found


def test_a_program_as_a_graph(spiral):
    *_, step, x, y = spiral
    dot = step.graph().dot
    groups = _groups(dot)
    assert groups["relu"] == "forward"
    assert groups["layers_0_weight_grad"] == "backward"
    assert groups["weights"] == "update"
    assert groups["x"] == groups["layers_0_weight"] == groups["rate_0"] == groups["result"] == ""
    assert "scratch_3" not in groups
    assert "transposed" not in groups  # a view
    assert "µs" not in dot
    assert "2.91 kB in, 76.8 kB out" in dot
    step.profile(x, y, repeats=2)
    timed = step.graph()
    assert timed.dot.count("µs") > 30
    assert re.search(r"#ff[a-f0-9]{4}", timed.dot)  # what takes long is warm
    assert repr(timed).startswith("<picture of the program of step")


@needs_graphviz
def test_a_picture_as_svg_and_as_a_page(spiral):
    *_, step, x, y = spiral
    step.profile(x, y, repeats=2)
    picture = step.graph()
    root = ET.fromstring(picture.svg)  # noqa: S314 - our own text
    assert root.tag.endswith("svg")
    assert picture._repr_svg_() == picture.svg
    assert picture.html.startswith("<!doctype html>")
    assert "the program of step" in picture.html
    assert "layers_1_bias_grad" in picture.svg


def test_without_graphviz_the_error_names_it(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    picture = mg.viz.graph(mg.tensor([1.0], requires_grad=True) * 2)
    with pytest.raises(ImportError, match=r"pip install pygraphviz"):
        _ = picture.svg
    assert "multiply" in picture.dot


def test_without_graphviz_a_notebook_shows_the_page_and_a_terminal_one_line(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    picture = mg.viz.graph(mg.tensor([1.0], requires_grad=True) * 2)
    assert picture._repr_svg_() is None
    assert "multiply" in picture._repr_html_()
    assert repr(picture) == "<picture of the graph of a tensor: .html, .svg, .dot, .save(path)>"


@pytest.mark.skipif(os.name == "nt", reason="the program is a shell script")
def test_where_graphviz_fails_the_error_says_why(monkeypatch, tmp_path):
    program = tmp_path / "dot"
    program.write_text("#!/bin/sh\necho 'dot: out of ink' >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(program))
    picture = mg.viz.graph(mg.tensor([1.0], requires_grad=True) * 2)
    with pytest.raises(RuntimeError, match=r"could not draw it \(dot: out of ink\); picture.html is"):
        _ = picture.svg
    assert picture._repr_svg_() is None
    assert "multiply" in picture.html


def test_pygraphviz_without_its_program_says_so_too(monkeypatch):
    class AGraph:
        def __init__(self, string):
            pass

        def draw(self, **options):
            raise ValueError("Program dot not found in path.")

    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setitem(sys.modules, "pygraphviz", types.SimpleNamespace(AGraph=AGraph, __spec__=object()))
    picture = mg.viz.graph(mg.tensor([1.0], requires_grad=True) * 2)
    assert picture._repr_svg_() is None
    with pytest.raises(RuntimeError, match=r"\(Program dot not found in path\.\)"):
        _ = picture.svg


def test_pygraphviz_draws_where_there_is_no_program(monkeypatch):
    asked = {}

    class AGraph:
        def __init__(self, string):
            asked["dot"] = string

        def draw(self, **options):
            asked.update(options)
            return b'<?xml version="1.0"?><svg>drawn</svg>'

    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setitem(sys.modules, "pygraphviz", types.SimpleNamespace(AGraph=AGraph))
    picture = mg.viz.graph(mg.tensor([1.0], requires_grad=True) * 2)
    assert picture.svg == "<svg>drawn</svg>"
    assert asked == {"dot": picture.dot, "format": "svg", "prog": "dot"}


def test_texts_with_quotes_and_backslashes():
    sketch = dot.Sketch('a "graph" \\ of <things>')
    a = sketch.box(['say "x"', "a\\b", ""], tooltip='"', heat=2.0)
    b = sketch.box(["b"], group='gr"oup')
    sketch.arrow(a, b)
    sketch.arrow(a, b)
    sketch.arrow(b, b)
    text = sketch.picture().dot
    assert text.count("->") == 1
    assert '\\"x\\"' in text
    if shutil.which("dot"):
        made = subprocess.run(["dot", "-Tplain"], input=text.encode(), capture_output=True, check=True)  # noqa: S607
        assert made.stdout.decode().count("node ") == 2
    assert "&lt;things&gt;" in sketch.picture().html


def test_amounts():
    assert [dot.amount(n) for n in (0, 999, 1000, 76_800, 2.5e6, 3e9, 4e12)] == [
        "0 B", "999 B", "1 kB", "76.8 kB", "2.5 MB", "3 GB", "4e+03 GB",
    ]  # fmt: skip


# -- graphs of tensors ----------------------------------------------------------------------------


def test_the_graph_of_a_tensor():
    model, _, _ = trainer()
    x, y = data()
    loss = nn.functional.cross_entropy(model(x), y)
    dot = mg.viz.graph(loss, model).dot
    for text in ("softmax_cross_entropy", "relu", r"linear\n(30, 16) float32\nkeeps", "layers.1.bias"):
        assert text in dot
    assert dot.count(" -> ") == 7
    assert "leaf" in mg.viz.graph(loss).dot
    loss.backward()
    with pytest.raises(GraphError, match="has freed the graph"):
        mg.viz.graph(loss)


def test_a_deep_graph_and_values_used_twice():
    x = mg.tensor([0.0], requires_grad=True)
    z = x
    for _ in range(3000):
        z = z + z
    dot = mg.viz.graph(z).dot
    assert dot.count("tooltip") == 3001
    assert dot.count(" -> ") == 3000


def test_what_has_no_graph():
    with pytest.raises(GraphError, match="no graph"):
        mg.viz.graph(mg.tensor([1.0]))
    with pytest.raises(DTypeError, match="expected a Tensor as loss, got ndarray"):
        mg.viz.graph(np.ones(2))
    assert "leaf" in mg.viz.graph(mg.tensor([1.0], requires_grad=True)).dot
