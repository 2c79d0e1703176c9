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
@pytest.mark.parametrize("devices", [[], "gpu", 2, [0, 1]])
def test_no_devices(devices):
    with pytest.raises(CompileError, match=r"devices= lists devices of JAX, such as jax.devices\(\), got"):
        mg.compile(backend="jax", devices=devices)


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


SHARDED = """
import jax
import numpy as np
import minigrad as mg
from minigrad.compiler.tracing.trace_comparison import same_to_rounding
from minigrad.core import away
from tests.compiler.test_compiled import OPTIMIZERS, data, trainer

sizes = (40, 300, 260, 12)
(model, optimizer, eager), (model_2, optimizer_2, step) = (trainer(OPTIMIZERS["Adam"], sizes=sizes) for _ in "ab")
step = mg.compile(step, backend="jax", devices=jax.devices(), shard=True)
for i in range(9):
    x, y = data(24, 40, 12, seed=i)
    assert same_to_rounding(np.asarray(eager(x, y).data), np.asarray(step(x, y).data)), i
(lodging,) = [one for one in away.LODGINGS if len(one.memories) == 3]
assert lodging.is_away
pieces = [piece for memory in lodging.memories for piece in memory.pieces] + list(lodging.gradients.values())
whole = sum(piece.nbytes for piece in pieces)
each = [0] * 4
for piece in pieces:
    for part in piece.addressable_shards:
        each[part.device.id] += part.data.nbytes
print(max(each) / whole)
assert max(each) <= 0.3 * whole, (each, whole)
assert step.stats()["state bytes per device"] <= 0.3 * step.stats()["state bytes"]
for p, q in zip(model.parameters(), model_2.parameters()):
    assert np.allclose(p.data, q.data, atol=2e-5) and np.allclose(p.grad, q.grad, atol=2e-5)
for name, state in optimizer.state_dict()["state"].items():
    assert all(np.allclose(x, optimizer_2.state_dict()["state"][name][key], atol=2e-5) for key, x in state.items())
"""


def on_four(code):
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=4"
    environment = {**os.environ, "XLA_FLAGS": flags, "PYTHONPATH": os.pathsep.join(sys.path)}
    made = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return made.stdout.splitlines()


@needs_jax
def test_a_part_of_the_state_on_each_of_four_devices():
    (share,) = on_four(SHARDED)
    assert float(share) <= 0.3


@needs_jax
def test_parts_of_the_state_need_devices():
    with pytest.raises(CompileError, match="shard=True needs devices="):
        mg.compile(lambda x: x, backend="jax", shard=True)


@pytest.mark.slow
@needs_jax
def test_a_batch_spread_over_four_devices():
    assert on_four(ON_FOUR) == ["24 4 ['x', 'y']", "30 4 []", "24 1 []"]
