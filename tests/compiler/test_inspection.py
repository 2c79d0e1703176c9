"""What a compiled function says about itself."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.compiler.tracing.trace_comparison import same_bits
from tests.compiler.test_compiled import data, trainer


def test_the_source_runs_by_itself():
    eager, compiled = trainer(), trainer()
    step = mg.compile(compiled[2])
    x, y = data()
    for _ in range(4):
        eager[2](mg.tensor(x), y)
        step(mg.tensor(x), y)
    source = step.source()
    for text in ("layers_0_weight_grad", "# -- forward", "# -- backward", "# -- update", "(30, 16) float32"):
        assert text in source
    namespace = {}
    exec(source, namespace)
    state = step.state()
    loss, gradients = namespace["step"](x, y, state, step.rates())
    assert same_bits(np.asarray(loss), eager[2](mg.tensor(x), y).data)
    for (name, p), q in zip(eager[0].named_parameters(), compiled[0].parameters(), strict=True):
        assert same_bits(p.data, q.data)  # the text writes into the state, which is the model's memory
        assert same_bits(gradients[name], p.grad)


def test_what_it_says_about_itself():
    f = mg.compile(lambda x: x + 1, backend="numpy")
    assert "compiled" in repr(f)
    assert f.backend == "numpy"
    assert f.stats()["programs"] == 0
    with pytest.raises(mg.errors.CompileError, match="no program yet"):
        f.source()
    with pytest.raises(mg.errors.HyperparameterError, match="profile: repeats is a whole number of at least 1, got 0"):
        f.profile(np.ones(2), repeats=0)
    for no_function in (3, mg.tensor(1.0)):
        with pytest.raises(mg.errors.CompileError, match="takes a function or a model, got"):
            mg.compile(no_function)
    with pytest.raises(mg.errors.CompileError, match="expected one of 'auto', 'numpy'"):
        mg.compile(lambda x: x, backend="fast")
    assert isinstance(mg.compile(backend="numpy")(lambda x: x), type(f))
