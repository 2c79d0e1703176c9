"""The folder of a log or checkpoint."""

import pytest

from minigrad import train
from minigrad.errors import FileError
from minigrad.train import ModelCheckpoint
from tests.train.runs import fit, small


def test_a_log_that_cannot_be_written(tmp_path):
    with pytest.raises(FileError, match="CSVLogger cannot write to"):
        fit(small(), train.CSVLogger(tmp_path))
    (tmp_path / "file").touch()
    within = tmp_path / "file" / "folder"
    pytest.importorskip("tensorboardX", reason="needs tensorboardX (pip install tensorboardX)")
    for callback in (
        train.JSONLogger(within / "log"),
        ModelCheckpoint(within / "best"),
        train.TensorBoardLogger(within),
    ):
        trainer = small()
        with pytest.raises(FileError, match=f"{type(callback).__name__} cannot make the folder"):
            fit(trainer, callback)
        assert trainer.step == 0
