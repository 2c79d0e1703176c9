"""Guards name what has changed."""

import pytest

import minigrad as mg


class Growing:
    """Keeps what its compiled step gave, where the step can see it."""

    def __init__(self):
        self.scale, self.losses = 2.0, []
        self.compiled = mg.compile(self.step)

    def step(self, x):
        return (x * self.scale).sum() if self.losses[-1:] is not None else x


def test_what_changes_before_every_call_is_named_once():
    growing, x = Growing(), mg.ones(3)
    for call in range(1, 13):
        if call == 8:
            with pytest.warns(UserWarning, match="losses changes from call to call, so step is") as found:
                growing.losses.append(float(growing.compiled(x)))
            assert found[0].filename == __file__
        else:
            growing.losses.append(float(growing.compiled(x)))
    assert growing.losses == [6.0] * 12
    assert growing.compiled.stats()["replayed"] == 0


def test_what_changes_now_and_then_is_recorded_without_a_word():
    growing, x = Growing(), mg.ones(3)
    for call in range(20):
        if call % 4 == 3:  # after one replay or two
            growing.scale += 1
        growing.compiled(x)
    assert growing.compiled.stats()["replayed"] == 9
