"""What tensors, modules, histories and operations show in a notebook: well-formed HTML without scripts."""

import base64
import re
import struct
import zlib
from xml.dom import minidom

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, train
from minigrad.core import table
from minigrad.nn.lazy import UNMADE
from minigrad.viz.notebook import BAD, CELLS, array_html


def parsed(text):
    """The HTML as a tree: what is not well-formed raises."""
    return minidom.parseString("<all>" + re.sub(r"<(br|img[^>]*)>", r"<\1/>", text) + "</all>")  # noqa: S318 - our own


def texts(text, name):
    return [" ".join(cell.toxml().split(">", 1)[1].rsplit("<", 1)[0].split())
            for cell in parsed(text).getElementsByTagName(name)]  # fmt: skip


ARRAYS = {
    "a number": np.float32(2.5),
    "an int": np.array(3),
    "bools": np.array([True, False]),
    "complex": np.array([[1 + 2j, 0]]),
    "empty": np.zeros((0, 3), float),
    "inf and nan": np.array([[np.inf, np.nan, -1.0]]),
    "all nan": np.full((20, 20), np.nan),
    "large": np.random.default_rng(0).normal(size=(100, 200)),
    "large with nan": np.where(np.arange(400) % 7 == 0, np.nan, np.arange(400)).reshape(20, 20),
    "one long row": np.arange(50.0),
    "four axes": np.ones((2, 3, 4, 5), "float32"),
    "zeros": np.zeros((12, 12), float),
    "the largest": np.full((9, 9), 1.7e308),
    "float16": np.ones((2, 2), np.float16),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_a_tensor_shows_itself_whatever_it_holds(name):
    shown = mg.tensor(ARRAYS[name])._repr_html_()
    parsed(shown)
    assert f"shape {np.shape(ARRAYS[name])}" in shown
    assert "<script" not in shown
    assert len(shown) < 12_000


def test_small_tensors_are_their_numbers():
    x = mg.tensor([[1.0, -2.5], [0.0, np.nan]], requires_grad=True)
    shown = x._repr_html_()
    assert "Tensor: shape (2, 2), float32, requires a gradient" in shown
    assert re.findall(r"right'>([^<]+)<", shown) == ["1", "-2.5", "0", "nan"]
    strengths = re.findall(r"rgba\((\d+), \d+, \d+, ([\d.]+)\)", shown)
    assert strengths == [("225", "0.18"), ("20", "0.45"), ("20", "0.00"), (str(BAD[0]), "0.45")]
    assert "gradient" not in shown.replace("requires a gradient", "")


def test_the_gradient_stands_beside_the_value():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    (3 * x).sum().backward()
    shown = x._repr_html_()
    assert "gradient<br>" in shown
    assert re.findall(r"right'>([^<]+)<", shown) == ["1", "2", "3", "3"]
    assert "made by multiply" in (3 * x)._repr_html_()
    assert (
        nn.Parameter(np.ones(2, "float32"))
        ._repr_html_()
        .startswith("<table><caption style='text-align: left'>Parameter")
    )


def pixels(shown):
    """The numbers of the heat map (rows, columns, 4)."""
    png = base64.b64decode(re.search(r"base64,([^']+)'", shown)[1])
    wide, high = struct.unpack(">II", png[16:24])
    length = struct.unpack(">I", png[33:37])[0]
    raw = zlib.decompress(png[41 : 41 + length])
    return np.frombuffer(raw, np.uint8).reshape(high, 1 + 4 * wide)[:, 1:].reshape(high, wide, 4)


def test_a_heat_map_shows_sign_size_and_what_is_not_finite():
    values = np.zeros((CELLS + 1, CELLS + 2), float)
    values[0, 0], values[1, 1], values[2, 2] = 2.0, -1.0, np.nan
    shown = pixels(array_html(values))
    assert shown.shape == (CELLS + 1, CELLS + 2, 4)
    assert shown[0, 0].tolist() == [225, 95, 10, 255]
    assert shown[1, 1].tolist() == [20, 110, 200, 129]
    assert shown[2, 2].tolist() == [*BAD, 255]
    assert shown[5, 5, 3] == 0
    assert "1 of 90 are not finite" in array_html(values)
    assert "32 × 32 of 100 × 200" in array_html(ARRAYS["large"])


def test_inside_of_vmap_a_tensor_has_no_numbers_to_show():
    seen = []
    mg.vmap(lambda x: seen.append(x._repr_html_()) or x * 2)(mg.tensor([1.0, 2.0]))
    assert seen == [None]


def test_a_module_is_a_table_of_its_parts():
    shared = nn.Linear(4, 4)
    model = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), shared, shared, nn.Linear(4, 3))
    model[0].weight.requires_grad = False
    shown = model._repr_html_()
    cells = texts(shown, "td")
    assert "Sequential: 47 parameters, 8 of them frozen" in shown
    assert len(cells) == 4 * (1 + 4)  # the shared layer once
    assert cells[4:8] == ["0", "Linear(in_features=2, out_features=4)", "weight (4, 2), bias (4,)", "12"]


@pytest.mark.parametrize(
    "model",
    [
        nn.Sequential(), nn.Linear(None, 3), nn.Sequential(nn.Linear(None, 3), nn.ReLU()),
        nn.TransformerEncoderLayer(8, 2, 16), nn.BatchNorm1d(None), nn.GRU(2, 3),
    ],
    ids=lambda model: type(model).__name__,
)  # fmt: skip
def test_any_module_shows_itself(model):
    shown = model._repr_html_()
    parsed(shown)
    unmade = any(value is UNMADE for module in model.modules() for value in vars(module).values())
    assert ("more by the first call" in shown) is unmade


def test_a_module_with_its_own_parameters_and_a_circle():
    class Odd(nn.Module):
        def __init__(self):
            self.scale = nn.Parameter(np.ones(3, "float32"))
            self.parts = [nn.Linear(1, 2)]
            self.parts[0].above = self

        def extra_repr(self):
            return "a < b"

    shown = Odd()._repr_html_()
    parsed(shown)
    assert "a &lt; b" in shown
    assert "scale (3,)" in shown


def test_a_history_is_a_table_with_curves():
    records = [{"epoch": n, "loss": 1 / n, "note": "a<b", "norms": np.ones(3)} for n in range(1, 31)]
    records[3]["extra"] = 1.5
    shown = train.History(records)._repr_html_()
    parsed(shown)
    assert "History of 30 epochs" in shown
    cells = texts(shown, "td")
    assert cells.count("⋮") == 5
    assert cells[5:9] == ["1", "1", "a&lt;b", "array (3,)"]
    assert shown.count("<polyline") == 1  # the loss: "extra" is one number, epochs count
    assert "from 1 to 0.03333" in shown


@pytest.mark.parametrize(
    "records", [[], [{"loss": 1.0}], [{"loss": float("nan")}] * 3, [{"loss": None}, {"loss": 1.0}], [{"epoch": 1}] * 11]
)
def test_any_history_shows_itself(records):
    parsed(train.History(records)._repr_html_())


def test_every_operation_shows_its_formulas():
    shown = {name: function.op._repr_html_() for name, function in table.ops.items() if hasattr(function, "op")}
    for text in shown.values():
        parsed(text)
        assert " at 0x" not in text
    assert "<code>dx</code>" in shown["tanh"]
    assert "<code>g * (1 - z * z)</code>" in shown["tanh"]
    assert len(shown) > 150


def test_an_operation_of_ones_own_shows_itself():
    cube = mg.primitive(lambda x: x**3, lambda g, x: 3 * g * x**2, name="shown_cube")
    assert "3 * g * x ** 2" in cube.op._repr_html_()
