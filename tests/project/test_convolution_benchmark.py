"""The benchmark of convolutions: its rows agree with PyTorch, and its table has what it says."""

import pytest

pytest.importorskip("torch")

from tests.benchmarks import convolutions


@pytest.mark.parametrize("kind", ["depthwise 3 x 3", "transposed 2 x 2"])
def test_a_row_has_times_ratios_and_the_floor(kind, monkeypatch, capsys):
    monkeypatch.setattr(convolutions, "COLUMNS", 64)
    assert convolutions.main(["--only", kind, "--rounds", "1", "--seconds", "1e-4"]) == 0
    head, _, row, *rest = capsys.readouterr().out.splitlines()
    assert head.count("|") == row.count("|") == 10
    assert row.startswith(f"| {kind} |")
    assert all(float(cell) > 0 for cell in row.split("|")[2:-1])
    assert rest[-1].startswith("measured: ")


def test_a_block_trains_in_both():
    steps = convolutions.block_steps("unet")
    assert float(steps["minigrad"]().data) > 0
    assert float(steps["torch"]().detach()) > 0
