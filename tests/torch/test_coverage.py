"""Every function of the table is compared with PyTorch's in a file of this folder, or says why not."""

import importlib
from pathlib import Path

from minigrad.core.table import builtin, derived_ops, ops
from tests.torch.differential import torch  # noqa: F401 - skips this file where there is no torch

# Ops of the table without a row above, and why.
NOT_IN_TORCH = {
    "astype": "no double precision gradient to compare: tests/ops/test_ops.py",
    "softmax_error": "the gradient of softmax_cross_entropy, whose second gradients are compared above",
}


def test_every_function_of_the_table_has_a_row():
    """Or a reason for none; ops that other tests or users registered do not count."""
    own = {name for name, f in ops.items() if name in builtin and (hasattr(f, "op") or name in derived_ops)}
    files = [importlib.import_module(f"tests.torch.{path.stem}") for path in Path(__file__).parent.glob("test_*.py")]
    rows = {row.split(",")[0] for file in files for row in getattr(file, "ROWS", ())}
    reasons = {**NOT_IN_TORCH, **{name: why for file in files for name, why in getattr(file, "WITHOUT", {}).items()}}
    assert own - rows - set(reasons) == set()
    assert not set(reasons) & rows
