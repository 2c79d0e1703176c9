"""What arguments may be: True is no number, NumPy's numbers are, and a check says what was expected."""

import math

import numpy as np
import pytest

import minigrad as mg
from minigrad import data, nn, optim, train
from minigrad.core import checks
from minigrad.errors import DTypeError, HyperparameterError


class Three:
    """Stands for a number, without being one."""

    def __index__(self):
        return 3


NO_NUMBERS = [True, False, np.True_, None, "1", b"1", [1], (1,), np.array([1]), 1j, math.nan, math.inf, -math.inf]


@pytest.mark.parametrize("value", [*NO_NUMBERS, 10**400], ids=repr)
def test_no_numbers(value):
    questions = [checks.is_number, checks.is_not_negative, checks.is_positive, checks.is_fraction]
    assert not any(question(value) for question in questions)
    assert type(value) is int or not checks.is_whole(value)
    for check in (checks.not_negative, checks.probability):
        with pytest.raises(HyperparameterError, match=r"Layer: size is .*[;,] got "):
            check("Layer", "size", value)


@pytest.mark.parametrize(
    ("value", "answers"),
    [
        (0, "not_negative fraction whole"),
        (1, "not_negative positive whole"),
        (-1, "whole"),
        (np.int8(3), "not_negative positive whole"),
        (np.uint64(3), "not_negative positive whole"),
        (0.5, "not_negative positive fraction"),
        (np.float32(0.5), "not_negative positive fraction"),
        (np.float64(-0.5), ""),
        (-0.0, "not_negative fraction"),
        (1.0, "not_negative positive"),
    ],
)
def test_numbers(value, answers):
    names = ("not_negative", "positive", "fraction", "whole")
    assert [name for name in names if getattr(checks, f"is_{name}")(value)] == answers.split()
    assert checks.is_number(value)


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_whole_numbers_become_ints(value):
    assert type(checks.whole("Layer", "size", value, 3)) is int
    assert checks.wholes("Layer", "size", [value, 4]) == (3, 4)
    assert checks.wholes("Layer", "size", value) == (3,)
    with pytest.raises(HyperparameterError, match=r"Layer: size is a whole number of at least 4, got "):
        checks.whole("Layer", "size", value, 4)
    with pytest.raises(HyperparameterError, match=r"Layer: size has at least one size, got \[\]"):
        checks.wholes("Layer", "size", [])


def test_what_stands_for_a_number_counts():
    assert checks.is_index(Three(), 3)
    assert not checks.is_index(Three(), 4)
    assert not checks.is_index(True, 0)
    assert not checks.is_index(3.0, 0)
    assert not checks.is_whole(Three())
    assert data.DataLoader(np.arange(6), batch_size=Three()).batch_size == 3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Linear(True, 2), "Linear: in_features is a whole number of at least 1, got True"),
        (
            lambda: nn.LayerNorm(2, eps=math.inf),
            "LayerNorm: eps is a finite number .*, such as 1e-5; got inf",
        ),
        (lambda: nn.Linear(2, 2, weight_regularizer_l2=-1), "weight_regularizer_l2 is .*, such as 5e-4; got -1"),
        (lambda: nn.Dropout(math.nan), r"Dropout: p is a probability in \[0, 1\], such as 0.5; got nan"),
        (lambda: nn.LSTM(2, 3, 2, dropout="a"), r"LSTM: dropout is a probability in \[0, 1\], such as 0.5; got 'a'"),
        (lambda: nn.MultiheadAttention(4, 2, dropout=2), r"dropout is a probability in \[0, 1\], such as 0.5; got 2"),
    ],
)
def test_layers_say_what_they_expect(make, message):
    with pytest.raises(HyperparameterError, match=message):
        make()


#: What is written to or read from a path, as a function of the path.
PATHS = {
    "read_csv": lambda path: data.read_csv(path, "kind"),
    "save": lambda path: mg.save(path, {}),
    "load": mg.load,
    "checkpoints": mg.files.Checkpoints,
    "resume": lambda path: trainer().resume(path),
    "fit": lambda path: trainer().fit((X, X), 1, checkpoint_dir=path, progress="none"),
    "CSVLogger": train.CSVLogger,
    "JSONLogger": train.JSONLogger,
    "TensorBoardLogger": train.TensorBoardLogger,
    "ModelCheckpoint": train.ModelCheckpoint,
    "graph": lambda path: mg.viz.graph(mg.ones(2, requires_grad=True).sum()).save(path),
    "report": lambda path: mg.viz.report({"loss": [1.0]}).save(path),
    "export": lambda path: mg.compile(np.sin, backend="numpy").export(path),
}
X = np.ones((4, 2), np.float32)


def trainer():
    model = nn.Linear(2, 2)
    return train.Trainer(model, optim.SGD(model.parameters(), lr=0.1), nn.MSELoss())


@pytest.mark.parametrize("path", [5, b"a", "", "a\0b"], ids=["a number", "bytes", "nothing", "a zero"])
@pytest.mark.parametrize("call", PATHS)
def test_a_path_is_a_path(call, path):
    with pytest.raises(DTypeError, match=r"expected a path \(a str or pathlib.Path\), got (int 5|bytes b'a'|str '.*')"):
        PATHS[call](path)
