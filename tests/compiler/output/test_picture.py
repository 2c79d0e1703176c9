"""A program as a picture: boxes and arrows."""

import json

import numpy as np

import minigrad as mg
from minigrad import nn, optim


def test_arrows_follow_what_is_written():
    w = nn.Parameter(np.float32([1, 2]))
    optimizer = optim.SGD([("w", w)], lr=0.5, momentum=0.5)

    def f(x):
        optimizer.zero_grad()
        (w * x).sum().backward()
        optimizer.step()
        return w.data[:1] * 2

    step = mg.compile(f)
    for _ in range(3):
        step(np.float32([1, 2]))
    lines = step.graph().dot.splitlines()
    boxes = {}
    for line in lines:
        if "tooltip" in line:
            text = line.split('tooltip="')[1].split('"')[0] or line.split('label="')[1].split("\\n")[0]
            boxes[text] = line.split()[0]
    arrows = {tuple(line.split(" -> ")) for line in (line.strip() for line in lines) if " -> " in line}
    assert (boxes["momentum *= 0.5"], boxes["momentum -= scratch"]) in arrows
    assert (boxes["momentum -= scratch"], boxes["weights += momentum"]) in arrows
    assert (boxes["weights"], boxes["weights += momentum"]) in arrows


def test_the_page_shows_the_lines_of_the_step_beside_each_kernel():
    w = nn.Parameter(np.float32([1, 2]))
    optimizer = optim.SGD([("w", w)], lr=0.5)

    def f(x):
        optimizer.zero_grad()
        loss = (mg.tanh(w) * x).sum()
        loss.backward()
        optimizer.step()
        return loss

    step = mg.compile(f, backend="numpy")
    for _ in range(3):
        step(np.float32([1, 2]))
    page = step.graph().html
    boxes = json.loads(page.split('<script id="data" type="application/json">')[1].split("</script>")[0])["nodes"]
    lines = {box["n"]: box["l"] for box in boxes if box["k"] == "op"}
    assert lines["tanh"].endswith(": loss = (mg.tanh(w) * x).sum()")
    assert lines["tanh"].startswith("test_picture.py:")
    assert all(lines.values())
    assert any(line.endswith(": optimizer.step()") for line in lines.values())
    assert all("l" not in box for box in boxes if box["k"] == "outside")
