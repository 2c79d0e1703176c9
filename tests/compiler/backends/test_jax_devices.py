"""Programs spread over several devices."""

import os
import subprocess
import sys

import pytest

import minigrad as mg
from minigrad.errors import CompileError
from tests.compiler.backends.test_jax import needs_jax

pytestmark = pytest.mark.jax


def test_devices_are_jaxs():
    with pytest.raises(CompileError, match='devices= is for backend="jax"'):
        mg.compile(lambda x: x, devices=[1])


@needs_jax
def test_no_devices():
    with pytest.raises(CompileError, match="devices= is empty"):
        mg.compile(backend="jax", devices=[])


ON_FOUR = """
import sys
import jax
import numpy as np
import minigrad as mg
from minigrad.compiler.tracing.trace_comparison import same_to_rounding
from tests.compiler.test_compiled import OPTIMIZERS, data, trainer

assert len(jax.devices()) == 4
for devices, rows in ((jax.devices(), 24), (jax.devices(), 30), (jax.devices()[1:2], 24)):
    (model, _, eager), (model_2, _, step) = (trainer(OPTIMIZERS["momentum"]) for _ in "ab")
    step = mg.compile(step, backend="jax", devices=devices)
    for i in range(12):
        x, y = data(rows, seed=i)
        assert same_to_rounding(np.asarray(eager(x, y).data), np.asarray(step(x, y).data))
        for p, q in zip(model.parameters(), model_2.parameters()):
            assert same_to_rounding(p.data, q.data) and same_to_rounding(p.grad, q.grad)
    stats = step.stats()
    assert stats["devices"] == len(devices) and stats["replayed"] == 10, stats
    print(rows, len(devices), stats["spread"])
"""


@pytest.mark.slow
@needs_jax
def test_a_batch_spread_over_four_devices():
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=4"
    environment = {**os.environ, "XLA_FLAGS": flags, "PYTHONPATH": os.pathsep.join(sys.path)}
    made = subprocess.run([sys.executable, "-c", ON_FOUR], env=environment, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    assert made.stdout.splitlines() == ["24 4 ['x', 'y']", "30 4 []", "24 1 []"]
