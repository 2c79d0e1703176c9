"""A graph as one page: what is in it, without a browser (tests/viz/test_browser.py has one)."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.viz.page import filled, graph_page, inside_script


def data_of(page):
    return json.loads(re.search(r'<script id="data" type="application/json">(.*?)</script>', page, re.DOTALL)[1])


def picture():
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    with mg.detect_anomaly():
        loss = (model(mg.tensor(np.ones((4, 2), "float32"))) ** 2).mean()
    return mg.viz.graph(loss, model), model, loss


def test_nodes_tell_what_they_are():
    found, model, loss = picture()
    nodes = data_of(found.html)["nodes"]
    [tanh] = [node for node in nodes if node["n"] == "tanh"]
    assert tanh["f"] == [["x", "g * (1 - z * z)"]]
    assert tanh["v"]["n"] == tanh["d"]["n"] == 12
    assert "test_page.py:" in tanh["l"]
    assert nodes[tanh["p"][0]]["n"] == "linear"
    weights = [node for node in nodes if node["n"] == "weight"]
    assert [node["g"] for node in weights] == [["0"], ["2"]]
    [gradient] = mg.autograd.grad(loss, [model[0].weight])
    assert weights[0]["d"]["lo"] == pytest.approx(gradient.data.min(), rel=1e-3)
    assert weights[0]["v"]["hi"] == pytest.approx(model[0].weight.data.max(), rel=1e-3)


def test_it_asks_for_nothing_outside():
    page = picture()[0].html
    assert "default-src 'none'" in page
    assert not re.findall(r"""(?:src|href|url)\s*[=(]\s*['"]?(?!#)\w""", page.partition('<script id="data"')[0])
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")
    assert "{{" not in page.replace("${{", "")


def test_text_cannot_leave_the_data():
    page = graph_page("</title><b>", [{"n": "</script><b>{{DATA}}", "p": []}])
    assert page.count("</script>") == 2
    assert data_of(page)["nodes"][0]["n"] == "</script><b>{{DATA}}"
    assert "<title>&lt;/title&gt;&lt;b&gt;</title>" in page
    assert inside_script("<!--</x>") == "\\u003c!--\\u003c/x>"
    assert filled("graph.html", {"TITLE": "{{X", "DATA": "{}"}).count("{{X") == 2


def test_what_has_no_gradient_says_why():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    nodes = data_of(mg.viz.graph(x * x).html)["nodes"]
    assert nodes[-1]["x"] == "of a loss of one real number"
    loss = (x * x).sum()
    x.data = x.data + 1
    nodes = data_of(mg.viz.graph(loss).html)["nodes"]
    assert "data changed" in nodes[0]["x"]


def test_a_graph_of_very_many_nodes_stays_small():
    x = mg.tensor(np.ones((40, 40)), requires_grad=True)
    value = x
    for _ in range(600):
        value = mg.tanh(value)
    page = mg.viz.graph(value.sum()).html
    assert 200_000 < len(page) < 3_000_000


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node, to parse the script")
def test_the_script_is_one(tmp_path):
    page = picture()[0].html
    script = tmp_path / "graph.js"
    script.write_text(page.rpartition("<script>")[2].partition("</script>")[0])
    subprocess.run([shutil.which("node"), "--check", script], check=True)
