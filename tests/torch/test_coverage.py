"""Every function of the table is compared with PyTorch's in a file of this folder, or says why not."""

import importlib
from pathlib import Path

import minigrad.stats  # noqa: F401 - its rows
from minigrad.core.table import builtin, derived_ops, ops
from tests.torch.differential import torch  # noqa: F401 - skips this file where there is no torch

# Ops of the table without a row above, and why.
NOT_IN_TORCH = {
    **dict.fromkeys(
        ("apply_along_axis", "apply_over_axes", "frexp", "full_like", "geomspace", "histogram", "histogram2d",
         "histogramdd", "linspace", "logspace", "nextafter", "piecewise", "poly", "polyadd", "polyder", "polydiv",
         "polyfit", "polygrid2d", "polyint", "polymul", "polysub", "polyval2d", "real_if_close", "roots",
         "sliding_window_view", "sort_complex", "spacing"),
        "NumPy's, with no counterpart that has the same gradients: against NumPy in tests/project/test_numpy_page.py",
    ),
    **dict.fromkeys(
        ("deviance", "log_betainc", "log_gammainc", "log_gammaincc", "log_stdtr", "stirling", "student_density"),
        "a part of minigrad.stats: against SciPy and mpmath in tests/distributions, tests/ops/test_log_shares.py",
    ),
    **dict.fromkeys(
        ("attention", "attention_back", "attention_logs"),
        "parts of scaled_dot_product_attention: against it and the untiled form in tests/kernels/test_attention.py",
    ),
    **dict.fromkeys(
        ("channel_mean", "channel_norm", "channel_product", "channel_pullback", "channel_rms"),
        "parts of batch_norm, which is compared: against its other form in tests/nn/test_batchnorm.py",
    ),
    **dict.fromkeys(
        ("row_mean", "row_norm", "row_product", "row_pullback", "row_rms"),
        "parts of layer_norm and group_norm, which are compared: against their definition in tests/kernels",
    ),
    "recursive": "a filter of SciPy's: tests/numerics/test_filters.py",
    "astype": "no double precision gradient to compare: tests/ops/test_ops.py",
    "softmax_error": "the gradient of softmax_cross_entropy, whose second gradients are compared above",
}  # fmt: skip


def test_every_function_of_the_table_has_a_row():
    """Or a reason for none; ops that other tests or users registered do not count."""
    own = {name for name, f in ops.items() if name in builtin and (hasattr(f, "op") or name in derived_ops)}
    files = [importlib.import_module(f"tests.torch.{path.stem}") for path in Path(__file__).parent.glob("test_*.py")]
    rows = {row.split(",")[0] for file in files for row in getattr(file, "ROWS", ())}
    reasons = {**NOT_IN_TORCH, **{name: why for file in files for name, why in getattr(file, "WITHOUT", {}).items()}}
    assert own - rows - set(reasons) == set()
    assert not set(reasons) & rows
