"""Pages in a real browser: they open without a network, and a click, a key and a search do what they say.

Needs node, and the npm packages playwright-core and @sparticuz/chromium (which brings the browser) in the folder that
``MINIGRAD_BROWSER`` names; .ci/run installs them. The other tests of pages need neither.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn

PACKAGES = os.environ.get("MINIGRAD_BROWSER", "")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not PACKAGES, reason="MINIGRAD_BROWSER names no folder with a browser from npm"),
]


def spiral():
    model = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 3))
    draw = np.random.default_rng(0)
    x, y = draw.standard_normal((300, 2)).astype("float32"), draw.integers(0, 3, 300)
    with mg.detect_anomaly():
        return mg.viz.graph(nn.CrossEntropyLoss()(model(mg.tensor(x)), y), model)


def transformer():
    class Model(nn.Module):
        def __init__(self):
            self.embedding = nn.Embedding(20, 32)
            self.blocks = [nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0) for _ in range(12)]
            self.head = nn.Linear(32, 20)

        def forward(self, x):
            h = self.embedding(x)
            for block in self.blocks:
                h = block(h)
            return self.head(h)

    model = Model()
    return mg.viz.graph((model(np.arange(12).reshape(2, 6)) ** 2).mean(), model)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    spiral().save(folder / "spiral.html")
    transformer().save(folder / "transformer.html")
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().explain(x).save(folder / "explanation.html")
    runs = {name: {"loss": [1.0, 0.5], "val_loss": [1.1, 0.7]} for name in ("one", "two")}
    mg.viz.report(runs, {"weight": np.ones((2, 3))}, {"rate": "0.1"}).save(folder / "report.html")
    script = Path(__file__).with_name("browser.mjs")
    node = shutil.which("node") or "node"
    made = subprocess.run([node, script, PACKAGES, folder], capture_output=True, text=True, check=False, timeout=120)
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout)


@pytest.mark.parametrize("name", ["spiral.html", "transformer.html"])
def test_a_graph_can_be_touched(name, found):
    page = found[name]
    assert page["errors"] == []
    assert [url for url in page["requests"] if not url.startswith("file:")] == []
    assert len(page["requests"]) == 1
    for what in ("zoomed", "panned", "keyboard"):
        assert page[what], what
    assert page["side"].startswith(("weight", "in_proj_weight"))
    assert "gradient" in page["side"]
    assert page["maps"] == 2  # value and gradient
    assert page["bars"] == 48
    assert page["way"] > 0
    assert page["overlapping"] == 0


@pytest.mark.parametrize(("name", "inside", "outside"), [
    ("spiral.html", "weight", "module 0, folded"),
    ("transformer.html", "module blocks.0, folded", "module blocks, folded"),
])  # fmt: skip
def test_keys_alone_are_enough(name, inside, outside, found):
    page = found[name]
    assert (page["inside"], page["outside"]) == (inside, outside)  # after a group was unfolded, and folded again
    assert page["unseen"] == 0
    assert page["closed"] == page["chosen"]


def test_a_transformer_opens_folded(found):
    page = found["transformer.html"]
    assert page["boxes"] <= 45
    assert page["groups"] >= 3
    assert page["folded"] < 45
    assert page["unfolded"] > 500


def test_the_line_of_the_user_is_there(found):
    assert found["spiral.html"]["folded"] < found["spiral.html"]["unfolded"] == 8


def test_text_is_dark_enough_in_light_and_light_enough_in_dark(found):
    assert {name: page["faint"] for name, page in found.items() if page["faint"]} == {}
    assert len(found) == 4


def test_a_report_draws_itself(found):
    page = found["report.html"]
    assert page["errors"] == []
    assert len(page["requests"]) == 1
    for text in ("What was reached", "one", "two", "val loss", "0.7", "Weights at the end", "(2, 3)", "rate"):
        assert text in page["text"]
    assert page["curves"] == 4
