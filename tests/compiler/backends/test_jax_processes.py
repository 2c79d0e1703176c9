"""Programs of devices of several processes: what can be seen in one. tests/distributed has the others."""

from types import SimpleNamespace

import numpy as np
import pytest

jax = pytest.importorskip("jax", reason="needs jax (pip install jax)")
from minigrad.compiler.backends.jax_processes import check_callbacks, global_array, span, together  # noqa: E402
from minigrad.errors import CompileError  # noqa: E402

pytestmark = pytest.mark.jax


def of(*processes):
    return [SimpleNamespace(process_index=index) for index in processes]


def test_devices_of_one_process_or_of_several():
    assert not span(None)
    assert not span(jax.devices())
    assert span(of(0, 1))
    with pytest.raises(CompileError, match=r"none of devices= is of this process"):
        span(of(1, 2))


def test_several_devices_cannot_wait_for_the_host():
    check_callbacks(1, ["np.interp"])
    check_callbacks(2, [])
    with pytest.raises(CompileError, match=r"JAX has no np\.interp as it is called here"):
        check_callbacks(2, ["np.interp", "np.interp"])


def test_inputs_are_put_where_the_program_wants_them():
    sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    with jax.enable_x64(True):
        placed = global_array(np.arange(3.0), sharding)
        assert (placed.dtype, placed.sharding) == (np.float64, sharding)
        run = together(jax.jit(lambda x, y: x + y), [sharding, sharding])
        np.testing.assert_array_equal(run(np.arange(3.0), 2.0), np.arange(3.0) + 2)
