"""Functions are told apart by what they compute, not by comments and lines."""

import pytest

import minigrad as mg
from minigrad import train
from tests.train.designs import model, outcome, trainer_of
from tests.train.runs import Crash, Stop, X, Y, differences

pytest.importorskip("safetensors", reason="checkpoints need safetensors (pip install safetensors)")
from tests.train.test_resume_changes import Own, parts, started


def forward_with_a_comment(self, x):
    # A remark, another name of the argument's value: nothing that counts.
    return self.output(self.hidden(x).relu() * self.scale)


def test_comments_and_lines_are_no_change(tmp_path, monkeypatch):
    with pytest.raises(Stop):
        started(parts(net=Own), tmp_path, [Crash(5)])
    monkeypatch.setattr(forward_with_a_comment, "__qualname__", "Own.forward")
    monkeypatch.setattr(Own, "forward", forward_with_a_comment)
    started(parts(net=Own), tmp_path)


class Plain:
    def __init__(self):
        self.scale = 1.0

    def next(self):
        self.scale *= 0.9
        return self.scale


class Slots(Plain):
    __slots__ = ("scale",)


class PrivateSlots:
    __slots__ = ("__scale",)

    def __init__(self):
        self.__scale = 1.0

    next = Plain.next
    scale = property(lambda self: self.__scale, lambda self, scale: setattr(self, "_PrivateSlots__scale", scale))


@pytest.mark.parametrize("module", ["helpers", "minigrad_helpers", "minigrad2", "minigradients.data"])
@pytest.mark.parametrize("kind", [Plain, Slots, PrivateSlots])
def test_a_helper_in_a_module_whose_name_begins_as_the_package_s(module, kind, tmp_path, monkeypatch):
    monkeypatch.setattr(kind, "__module__", module)

    class Decaying(train.Callback):
        def __init__(self):
            self.helper = kind()

        def on_step(self, trainer):
            trainer.optimizer.lr = 0.01 * self.helper.next()

    def script(folder, *callbacks):
        mg.manual_seed(1)
        trainer = trainer_of(model())
        trainer.resume(folder)
        own = Decaying()
        trainer.fit((X, Y), 6, None, [own, *callbacks], folder, "none", checkpoint_every=1)
        return outcome(trainer, scale=own.helper.scale)

    whole = script(tmp_path / "whole")
    with pytest.raises(Stop):
        script(tmp_path / "run", Crash(4))
    assert differences(whole, script(tmp_path / "run")) == []
