"""The state of generators: exact, for every bit generator of NumPy, through a file."""

from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.errors import HyperparameterError, StateError
from minigrad.random import generator_state, set_generator_state

KINDS = ["PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"]


def draw(generator, number):
    """Numbers of several kinds: some bit generators keep half of a 64-bit word for the next 32-bit one."""
    return [
        generator.random(number).tolist(),
        generator.integers(0, 100, number, dtype=np.uint32).tolist(),
        generator.standard_normal(number, dtype=np.float32).tolist(),
    ]


@pytest.mark.skipif(find_spec("safetensors") is None, reason="safetensors is not installed")
@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 2**32), number=st.integers(0, 5))
def test_a_generator_goes_on_where_another_stood(kind, seed, number, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "generator.safetensors"
    generator = np.random.Generator(getattr(np.random, kind)(seed))
    draw(generator, number)
    mg.save(path, generator_state(generator))
    expected = draw(generator, 7)
    other = np.random.Generator(getattr(np.random, kind)(1))
    set_generator_state(mg.load(path), other)
    assert draw(other, 7) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_does_not_change_when_more_is_drawn(kind):
    generator = np.random.Generator(getattr(np.random, kind)(0))
    state = generator_state(generator)
    expected = draw(generator, 700)
    draw(generator, 700)
    set_generator_state(state, generator)
    assert draw(generator, 700) == expected


def test_the_packages_own():
    mg.manual_seed(3)
    state = generator_state()
    first = mg.nn.Linear(3, 3).weight.data
    set_generator_state(state)
    assert (mg.nn.Linear(3, 3).weight.data == first).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_state_changes_nothing(kind):
    generator = np.random.Generator(getattr(np.random, kind)(0))
    good = generator_state(generator)
    wrong = [{**good, "state": value} for value in (None, 3, {}, {"state": "a", "key": "b"})]
    wrong += [{"bit_generator": kind}, {**good, "bit_generator": "Dice"}, {}, None, [1]]
    for state in wrong:
        with pytest.raises(StateError):
            set_generator_state(state, generator)
    expected = draw(np.random.Generator(getattr(np.random, kind)(0)), 5)
    assert draw(generator, 5) == expected


@pytest.mark.parametrize("seed", [None, -1, 1.5, True, "0", [], np.nan])
def test_a_seed_is_a_whole_number(seed):
    state = mg.random.generator_state()
    with pytest.raises(HyperparameterError, match="seed is a whole number"):
        mg.manual_seed(seed)
    assert mg.random.generator_state() == state


def test_an_array_is_no_state():
    with pytest.raises(StateError, match="the state is of"):
        mg.random.set_generator_state(np.ones(3))
