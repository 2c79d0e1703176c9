"""What stands for a container that a step reads notes what is asked; what other code reads is no matter."""

import collections
import copy
import random

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.compiler.guards.read_tracking import Reads, spy
from minigrad.compiler.tracing.trace_comparison import same_bits
from tests.compiler.guards.reading import X, agree


class Trainer:
    """A class with methods and attributes that the step does not touch."""

    def __init__(self):
        self.scale, self.losses, self.epoch = 2.0, [], 0
        self.w = nn.Parameter(np.ones(3, np.float32))
        self.optimizer = optim.SGD([self.w], lr=0.1, decay=0.01)
        self.words = {str(i): i for i in range(300)}

    def step(self, x):
        loss = (self.w * x * self.scale).sum()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss

    def report(self):
        return (
            f"{self.optimizer.current_lr} {self.optimizer.iterations} {random.random()} {self.losses} {next(iter('a'))}"
        )

    def learn_words(self):
        return list(self.words)


def test_what_other_methods_read_is_no_matter():
    trainer = Trainer()
    compiled = mg.compile(trainer.step)
    for i in range(12):
        trainer.losses.append(float(compiled(X)))
        trainer.epoch += 1
        trainer.words[str(i)] = i
        trainer.report()
    assert compiled.stats()["recorded"] == 2
    trainer.scale = 3.0
    twin = Trainer()
    twin.w.data[...], twin.scale, twin.optimizer.iterations = trainer.w.data, 3.0, 12
    assert same_bits(twin.step(X).data, np.float32(compiled(X)))


MANY = [float(i) for i in range(200)]  # long enough that reads are noted one by one


#: What a step does with a list, dict, set or deque of numbers that it reads by a name.
WHOLE = {
    "a list, joined from the left": (lambda held: sum([0.5] + held), MANY),  # noqa: RUF005
    "a list, copied": (lambda held: sum(copy.copy(held)), MANY),
    "a list, counted": (lambda held: float(len(held)), MANY),
    "a list, by a slice": (lambda held: sum(held[-2:]), MANY),
    "a list, past its end": (lambda held: _first_of(held, 700), MANY),
    "a list, by an index of another kind": (lambda held: _first_of(held, []), MANY),
    "a dict, copied": (lambda held: sum(copy.copy(held).values()), dict(enumerate(MANY))),
    "a dict, by a key that is not there": (lambda held: held.get("c", 0.5), dict(enumerate(MANY))),
    "a dict, by a value that cannot be a key": (lambda held: _first_of(held, []), dict(enumerate(MANY))),
    "a set, copied": (lambda held: sum(copy.copy(held)), set(MANY)),
    "a set, asked": (lambda held: 2.0 if 4.5 in held else 3.0, set(MANY)),
    "a deque, copied": (lambda held: sum(collections.deque(held, 3)), collections.deque(MANY)),
}


def _first_of(held, key):
    try:
        return held[key]
    except (LookupError, TypeError):
        return float(len(held))


@pytest.mark.parametrize("case", WHOLE)
def test_what_a_step_reads_as_a_whole_is_new_after_a_change(case):
    read, held = WHOLE[case]
    held = copy.deepcopy(held)

    def change():
        if isinstance(held, dict):
            held["c"] = 4.0
        elif isinstance(held, set):
            held.add(4.5)
        else:
            held.append(4.5)

    agree(lambda x: x * read(held), change)


def test_what_stands_for_a_container_is_the_container_and_notes_what_is_asked():
    for original in ([1.0, 2.0], collections.deque([1.0, 2.0])):
        reads = Reads("held", original)
        stand = spy(reads)
        stand.append(3.0)
        stand.extend([4.0])
        stand += [5.0]
        assert not reads.is_read  # what comes at the end is no read of what was there
        assert list(original) == list(stand) == [1, 2, 3, 4, 5]
        assert reads.whole == [1, 2, 3, 4, 5]
        assert reads.appended == 3
    listed = spy(Reads("held", [1.0]))
    assert [0.0] + listed == [0.0, 1.0]  # noqa: RUF005
    for original in ([1.0], {"a": 1.0}, {1.0}):
        reads = Reads("held", original)
        found = copy.copy(spy(reads))
        assert type(found) is type(original)
        assert found == original
        assert reads.whole is not None
    reads = Reads("held", {"a": 1.0})
    with pytest.raises(TypeError):
        spy(reads)[[]]
    assert reads.whole == ["a"]
    reads = Reads("held", [1.0])
    with pytest.raises(IndexError):
        spy(reads)[3]
    assert reads.whole == [1.0]
