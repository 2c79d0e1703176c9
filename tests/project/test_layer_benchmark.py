"""The benchmark of layers: its rows agree with PyTorch, and its table has what it says."""

import pytest

from tests.benchmarks import layers

pytest.importorskip("torch", reason="it compares with PyTorch")


@pytest.mark.parametrize("layer", ["layer norm 128 x 1024", "group norm 8 x 32 x 32 x 32", "adaptive_max_pool2d 5"])
def test_a_row(layer, capsys):
    assert layers.main(["--only", layer, "--rounds", "1", "--seconds", "1e-4"]) == 0
    assert f"| {layer} |" in capsys.readouterr().out
