"""Dropout: what it draws, from which generator, and when."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, random
from tests.nn.test_layers import RNG


def test_dropout_drops_in_training_only_and_draws_from_its_generator():
    x = mg.tensor(np.ones((100, 100), "f4"))
    layer, again = (nn.Dropout(0.2, generator=RNG(1)) for _ in range(2))
    z = layer(x)
    assert z.dtype == np.float32
    assert set(np.unique(z.data)) == {0, 1.25}
    assert z.data.mean() == pytest.approx(1, abs=0.02)
    assert layer(x).tolist() != z.tolist() == again(x).tolist()
    assert layer.eval()(x) is x


def test_the_package_generator_can_be_saved_and_set_again():
    mg.manual_seed(3)
    layer, x = nn.Dropout(), mg.tensor(np.ones(64, "f4"))
    layer(x)
    state = random.default_generator().bit_generator.state
    first = layer(x).tolist()
    random.default_generator().bit_generator.state = state
    assert layer(x).tolist() == first


def test_a_mask_is_the_one_draw_of_dropout(monkeypatch):
    """What mg.compile hooks into: generator, shape, share that is kept, dtype."""
    calls = []
    monkeypatch.setattr(random, "mask", lambda *arguments: calls.append(arguments) or np.ones(3, "f8"))
    generator = RNG(0)
    nn.Dropout(0.25, generator)(mg.tensor(np.ones(3)))
    assert calls == [(generator, (3,), 0.75, np.float64)]


@pytest.mark.parametrize(("keep", "values"), [(1.0, {1}), (0.0, {0}), (0.25, {0, 4})])
def test_the_values_of_a_mask(keep, values):
    drawn = random.mask(RNG(0), (50, 2), keep, np.float64)
    assert drawn.shape == (50, 2)
    assert drawn.dtype == np.float64
    assert set(np.unique(drawn)) == values
