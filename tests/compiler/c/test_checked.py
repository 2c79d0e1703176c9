"""The calls that C is made of are copies: an export leaves the program as it is."""

import numpy as np

import minigrad as mg
from minigrad.compiler.c.checked import prepared, within
from minigrad.compiler.program import values_in
from tests.compiler.c.compiling import exported
from tests.compiler.c.test_export import spiral


def test_an_export_leaves_the_program_alone(tmp_path):
    step, x, y = spiral()
    compiled = exported(step, tmp_path / "step.c", x, y)
    text, ready = compiled.source(), compiled._latest
    before = [(value.root, value.kind) for value in ready.program.values]
    calls, shadow, old = prepared(ready.program, ready.simplified)
    assert [(value.root, value.kind) for value in ready.program.values] == before
    assert not {id(value) for call in calls for value in call.values} & {id(value) for value in ready.program.values}
    assert set(values_in(shadow.outputs)) <= set(old)
    compiled.export(tmp_path / "other.py")
    assert compiled.source() == text
    assert np.isfinite(compiled(x, y).item())


def test_numbers_are_looked_at_once(tmp_path):
    def f(x, i):
        return x[i] + mg.exp(x[i]), x.T[:, i]

    compiled = exported(f, tmp_path / "f.c", np.ones((4, 2)), np.arange(3))
    assert (tmp_path / "f.c").read_text().count("return 1;") == 1
    assert "return 2;" not in (tmp_path / "f.c").read_text()
    del compiled
    assert within(np.array([-3, 2]), 3)
    assert not within(np.array([-4]), 3)
