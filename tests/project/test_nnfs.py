"""``nnfs.init()`` replaces np.dot, np.zeros, np.eye and np.random.randn: the package does not notice.

It is process-wide and cannot be undone, so each order of the import and the call has a process of its own.
"""

import ast
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

ORDERS = {
    "init, then import": "import nnfs; nnfs.init(); import minigrad as mg",
    "import, then init": "import minigrad as mg; import nnfs; nnfs.init()",
    "init twice": "import nnfs; nnfs.init(); import minigrad as mg; nnfs.init()",
    "init without its np.dot": "import nnfs; nnfs.init(dot_precision_workaround=False); import minigrad as mg",
}

TRAINING = """
    import numpy as np
    from tests.optim import notebook as reference
    from minigrad import nn, optim

    assert np.zeros(3).dtype == np.float32  # NumPy is changed indeed
    rng = np.random.default_rng(0)
    first = nn.Linear(2, 64, init="notebook", generator=rng, dtype="float64")
    last = nn.Linear(64, 3, init="notebook", generator=rng, dtype="float64")
    model = nn.Sequential(first, nn.ReLU(), last)
    network = reference.Network(first.weight.data.T, last.weight.data.T)
    optimizer, theirs = optim.Adam(model.parameters(), lr=0.05, decay=5e-7), reference.Adam(0.05, 5e-7)
    inputs, labels = reference.spiral()
    for _ in range(5):
        loss = nn.CrossEntropyLoss()(model(inputs), labels)
        optimizer.zero_grad()
        loss.backward()
        np.testing.assert_allclose(loss.item(), network.forward(inputs, labels), rtol=1e-12)
        network.backward(labels)
        for p, g in zip(model.parameters(), network.gradients(), strict=True):
            assert p.dtype == p.grad.dtype == np.float64
            np.testing.assert_allclose(p.grad, g, rtol=1e-12, atol=1e-15)  # sums of 300 terms below 1/300
        optimizer.step()
        network.step(theirs)
        for p, w in zip(model.parameters(), network.parameters(), strict=True):
            np.testing.assert_allclose(p.data, w, rtol=1e-9, atol=1e-11)
            w[...] = p.data
    assert loss.item() < 1.09
"""

PRODUCTS = """
    import numpy as np

    x, w = np.random.default_rng(0).normal(size=(2, 4, 4))
    a, b = mg.tensor(x, requires_grad=True), mg.tensor(w, requires_grad=True)
    np.testing.assert_allclose(mg.vmap(mg.dot)(x, w), (x * w).sum(1))  # rules for NumPy's functions, not for nnfs's
    np.dot(a, b).sum().backward()
    np.testing.assert_allclose(a.grad, np.ones((4, 4)) @ w.T, rtol=1e-6)
    np.testing.assert_allclose(b.grad, x.T @ np.ones((4, 4)), rtol=1e-6)
    a.zero_grad()
    a.dot(b).sum().backward()  # NumPy's changed function is not asked: the precision is kept
    np.testing.assert_allclose(a.grad, np.ones((4, 4)) @ w.T, rtol=1e-14)
"""

CREATION = """
    import numpy as np

    assert mg.zeros((2, 3), dtype="float64").dtype == np.float64
    assert mg.eye(3, dtype="float64").dtype == np.float64
    assert mg.eye(3).data.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    x = mg.tensor(np.linspace(0.1, 0.9, 6).reshape(2, 3), requires_grad=True)
    y = mg.concatenate([x, x])[[0, 0, 3]].softmax().logsumexp(0).std() * x.max()
    y.backward()
    assert y.dtype == x.grad.dtype == np.float64
    h = 1e-6
    def f(a):
        a = mg.tensor(a)
        return (mg.concatenate([a, a])[[0, 0, 3]].softmax().logsumexp(0).std() * a.max()).item()
    d = np.zeros((2, 3), np.float64)
    d[1, 1] = h
    np.testing.assert_allclose(x.grad[1, 1], (f(x.data + d) - f(x.data - d)) / (2 * h), rtol=1e-6)
"""


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("program", [TRAINING, PRODUCTS, CREATION], ids=["training", "products", "creation"])
def test_the_package_works_after_nnfs_init(order, program):
    """Gradients keep the precision of float64, and products go through the changed np.dot."""
    script = ORDERS[order] + "\n" + textwrap.dedent(program)
    path = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", path + script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def replaced(tree):
    """Calls that ``nnfs.init()`` changes: np.zeros and np.eye with their size alone, np.dot, np.random.randn."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).replace("anp.", "np.")  # of arrays alone, a face is NumPy's function
            sized = len(node.args) < 2 and "dtype" not in {keyword.arg for keyword in node.keywords}
            if name in ("np.dot", "np.random.randn") or (name in ("np.zeros", "np.eye") and sized):
                yield f"line {node.lineno}: {ast.unparse(node)}"


def test_no_line_of_the_package_calls_what_is_replaced():
    files = sorted((ROOT / "minigrad").rglob("*.py"))
    assert len(files) > 200
    found = [f"{file.relative_to(ROOT)}, {line}" for file in files for line in replaced(ast.parse(file.read_text()))]
    assert found == []


def test_each_kind_of_such_a_call_is_found():
    text = (
        "np.zeros(3), np.zeros(3, d), np.zeros(3, dtype=d), np.eye(n), np.dot(a, b), np.random.randn(2), anp.dot(c, d)"
    )
    assert [line.partition(": ")[2] for line in replaced(ast.parse(text))] == [
        "np.zeros(3)",
        "np.eye(n)",
        "np.dot(a, b)",
        "np.random.randn(2)",
        "anp.dot(c, d)",
    ]
