"""``model.summary(x)``: right numbers, found without leaving a trace in the model."""

import inspect

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.errors import ShapeError
from minigrad.nn import flops
from minigrad.nn.summary import in_bytes
from minigrad.random import generator_state


class Noisy(nn.Module):
    """Draws and writes in every call, whatever the mode."""

    def __init__(self):
        self.generator = np.random.default_rng(0)
        self.seen = nn.Buffer(np.zeros(1, np.float32))

    def forward(self, x):
        self.seen.data[...] += 1
        mg.random.generator_or_default(None).random()
        return x + self.generator.random(x.shape, np.float32)


def model_with_everything():
    shared = nn.Linear(4, 4)
    return nn.Sequential(
        shared, nn.Dropout(0.5), Noisy(), shared, nn.LayerNorm(4), nn.Flatten(), nn.Linear(4, 2, bias=False)
    )


def test_the_numbers_of_each_layer():
    x = np.zeros((5, 4), np.float32)
    made = model_with_everything().summary(x)
    rows = {row.name: row for row in made.rows}
    assert rows["0"].calls == 2
    assert (rows["0"].parameters, rows["0"].flops) == (20, 2 * 5 * 4 * (2 * 4 + 1))
    assert rows["0"].activation_bytes == 2 * 5 * 4 * 4
    assert (rows["1"].flops, rows["1"].activation_bytes) == (0, 0)  # the input itself, in evaluation
    assert rows["4"].flops == 7 * 20
    assert (rows["6"].parameters, rows["6"].flops, rows["6"].shapes) == (8, 5 * 2 * 8, ((5, 2),))
    assert rows["6"].dtypes == ("float32",)
    assert made.parameters == sum(p.size for p in model_with_everything().parameters()) == made.trainable
    assert rows["2"].flops is None
    text = str(made)
    assert "0 (x2)" in text
    assert "FLOPs without Noisy" in text
    assert all(name in made._repr_html_() for name in ("<table>", "LayerNorm", "Noisy"))


def test_the_model_is_left_as_it_was():
    mg.manual_seed(0)
    model = model_with_everything()
    model[1].eval()
    model[2].seen.data = np.full(1, 7, np.float32)

    def everything():
        return (
            {name: array.tolist() for name, array in model.state_dict().items()},
            [(module, dict(vars(module))) for module in model.modules()],
            repr([generator_state(model[2].generator), generator_state()]),
        )

    before, array = everything(), model[2].seen.data
    model.summary(mg.zeros((5, 4)))
    assert everything() == before
    assert model[2].seen.data is array
    with pytest.raises(ShapeError):
        model.summary(mg.zeros((5, 3)))
    assert everything() == before


def test_a_forward_of_ones_own_on_the_object_stays():
    model = nn.Sequential(nn.Linear(2, 2))

    def own(x):
        return x

    model[0].forward = own
    model.summary([[1.0, 2.0]])
    assert vars(model[0])["forward"] is own


def test_sizes_left_to_the_first_call_are_known_afterwards_and_drawn_once():
    def weights(look):
        mg.manual_seed(0)
        model = nn.Sequential(nn.Linear(None, 3), nn.Linear(None, 2))
        if look:
            assert model.summary(mg.zeros((1, 4))).parameters == 15 + 8
        model(mg.zeros((1, 4)))
        return [p.data.tolist() for p in model.parameters()], mg.random.default_generator().random()

    assert weights(look=True) == weights(look=False)


def test_parameters_of_the_model_itself_frozen_ones_and_layers_not_run():
    class Model(nn.Module):
        def __init__(self):
            self.scale = nn.Parameter(np.ones(3, np.float32))
            self.unused = nn.Linear(2, 2)
            self.tied = nn.Linear(3, 3)
            self.again = nn.Linear(3, 3)
            self.again.weight = self.tied.weight

        def forward(self, x, y):
            made = nn.Identity()  # known to nobody before
            return {"a": made(self.tied(x * self.scale)), "b": [self.again(y)]}

    model = Model()
    model.tied.bias.requires_grad_(False)
    made = model.summary(mg.zeros((2, 3)), mg.zeros((2, 3)))
    rows = {row.name: row for row in made.rows}
    assert rows["(model)"].parameters == 3
    assert rows["(model)"].shapes == ((2, 3), (2, 3))
    assert (rows["unused"].calls, rows["unused"].parameters) == (0, 6)
    assert "not run" in str(made)
    assert (rows["tied"].parameters, rows["again"].parameters) == (12, 3)
    assert made.parameters - made.trainable == 3
    assert "(3 frozen)" in str(made)


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (1024, "1.0 KiB"), (3 << 19, "1.5 MiB"), (1 << 30, "1.0 GiB"),
                                             (5 << 40, "5.0 TiB")])  # fmt: skip
def test_bytes_for_people(count, text):
    assert in_bytes(count) == text


def test_every_layer_that_computes_has_a_formula():
    holders = {"Module", "Sequential", "ModuleList", "ModuleDict"}
    holders |= {f"Transformer{what}" for what in ("Encoder", "Decoder", "EncoderLayer", "DecoderLayer")}
    layers = {
        name for name, kind in vars(nn).items()
        if inspect.isclass(kind) and issubclass(kind, nn.Module) and name not in holders and "Loss" not in name
        and name != "CategoricalCrossEntropy"
    }  # fmt: skip
    assert sorted(layers - set(flops.FLOPS)) == []


@pytest.mark.parametrize(("first", "shape"), [(True, (2, 5, 8)), (False, (5, 2, 8)), (False, (5, 8))])
def test_attention_is_counted_without_the_layer_inside(first, shape):
    batch = 2 if len(shape) == 3 else 1
    layer = nn.MultiheadAttention(8, 2, batch_first=first)
    x = mg.zeros(shape)
    rows = {row.name: row for row in layer.summary(x, x, x).rows}
    projections = 3 * batch * 5 * (2 * 8 * 8 + 8)
    assert rows["(model)"].flops == projections + batch * 5 * 5 * (2 * 2 * 8 + 5 * 2)
    assert rows["out_proj"].flops == batch * 5 * (2 * 8 * 8 + 8)


def _counted(layer, *shape):
    (row,) = nn.Sequential(layer).summary(mg.zeros(shape)).rows
    return row.flops


#: layer, input shape, operations counted by hand
BY_HAND = [
    (lambda: nn.Linear(3, 2), (4, 3), 4 * 2 * (2 * 3 + 1)),
    (lambda: nn.LayerNorm(3), (4, 3), 7 * 12),
    (lambda: nn.RMSNorm(3), (4, 3), 4 * 12),
    (lambda: nn.GroupNorm(1, 3), (4, 3, 5), 7 * 60),
    (lambda: nn.Softmax(), (4, 3), 5 * 12),
]
BY_HAND += [
    (lambda: nn.Conv2d(2, 3, 3), (4, 2, 5, 6), 4 * 3 * 3 * 4 * (2 * 2 * 9 + 1)),
    (lambda: nn.Conv2d(2, 4, 3, groups=2, bias=False), (1, 2, 5, 6), 4 * 3 * 4 * (2 * 9)),
    (lambda: nn.ConvTranspose2d(2, 3, 2, stride=2), (1, 2, 4, 4), 2 * 16 * 2 * 3 * 4 + 3 * 64),
    (lambda: nn.MaxPool2d(2), (1, 2, 4, 4), 2 * 4 * 4),
    (lambda: nn.AdaptiveAvgPool2d(1), (1, 2, 4, 4), 32),
    (lambda: nn.LSTM(3, 5), (7, 2, 3), 7 * 2 * 2 * 4 * (5 * 3 + 5 * 5)),
    (lambda: nn.GRUCell(3, 5), (2, 3), 2 * 2 * 3 * (5 * 3 + 5 * 5)),
]


@pytest.mark.parametrize(("layer", "shape", "operations"), BY_HAND)
def test_formulas_against_a_count_by_hand(layer, shape, operations):
    assert _counted(layer(), *shape) == operations
