"""What the loops of convolutions hold in registers."""

import pytest

pytest.importorskip("llvmlite", reason="machine code needs llvmlite: pip install llvmlite")
from minigrad.compiler.backends.correlation_loops import block_of_outputs, block_of_weights
from minigrad.compiler.backends.machine import Registers

pytestmark = pytest.mark.native

MACHINES = [Registers(16, 32), Registers(8, 16), Registers(4, 32), Registers(4, 16)]


@pytest.mark.parametrize("registers", MACHINES, ids=str)
@pytest.mark.parametrize("outputs", [1, 2, 3, 10, 32, 512])
def test_sums_fit_in_registers(registers, outputs):
    for line in (16, 28, 112, 512, 2000):
        one, other, lanes = block_of_outputs(outputs, line, registers)
        assert lanes == registers.lanes
        assert one <= outputs
        assert other * lanes <= line
        assert one * other + other < registers.held
    for taps in (1, 3, 9, 288):
        one, other, lanes = block_of_weights(outputs, taps, registers)
        assert one <= outputs
        assert other <= taps
        assert one * other + min(one, other) < registers.held


def test_blocks_waste_little():
    """Outputs and lines of usual sizes are nearly multiples of their blocks."""
    for outputs in (32, 64, 96, 128, 256):
        for line in (112, 224, 512, 896):
            one, other, lanes = block_of_outputs(outputs, line, MACHINES[0])
            assert -(-outputs // one) * one * -(-line // (other * lanes)) * other * lanes <= 1.15 * outputs * line


def test_lines_shorter_than_a_register_have_no_block():
    assert block_of_outputs(8, 15, MACHINES[0]) is None
