"""Regions of decisions, by what matplotlib was told to draw."""

import numpy as np
import pytest

from minigrad import nn, optim, train, viz
from minigrad.errors import DataError
from minigrad.viz import pictures

pytest.importorskip("matplotlib", reason="pictures need matplotlib (pip install matplotlib)")


RNG = np.random.default_rng(0)


X = RNG.normal(size=(60, 2)).astype(np.float32)


Y = (X[:, 0] > 0).astype(int)


def colours(figure):
    """The class that each pixel of the picture shows."""
    image = np.asarray(figure.axes[0].images[0].get_array())
    palette = np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in pictures.COLORS[:2]])
    tint = (1 - image) / np.linalg.norm(1 - image, axis=-1, keepdims=True)
    own = (1 - palette) / np.linalg.norm(1 - palette, axis=-1, keepdims=True)
    return (tint @ own.T).argmax(-1)


class Side(nn.Module):
    """Decides by the sign of x0, in a given form."""

    def __init__(self, form, dtype="f4"):
        self.form, self.weight = form, nn.Parameter(np.array([3, 0], dtype))

    def forward(self, x):
        assert not self.training
        z = x @ self.weight
        if self.form == "logit":
            return z.reshape(-1, 1)
        logits = z.reshape(-1, 1) * np.array([[-1, 1]], "f4")
        return logits if self.form == "logits" else logits.softmax()


@pytest.mark.parametrize(
    "model",
    [Side("logit"), Side("logits"), Side("probabilities"), Side("logits", "f8"), lambda x: (x[:, 0] > 0).astype(int),
     lambda x: np.stack([x[:, 0] <= 0, x[:, 0] > 0], 1).astype(float)],
    ids=["logit", "logits", "probabilities", "float64", "classes", "function of scores"],
)  # fmt: skip
def test_regions_show_what_the_model_decides(model):
    figure = viz.decision_regions(model, X, Y)
    shown = colours(figure)
    assert (shown[:, :100] == 0).all()
    assert (shown[:, -100:] == 1).all()
    assert sum(len(points.get_offsets()) for points in figure.axes[0].collections) == 60


def test_a_trained_model_and_its_modes(tmp_path):
    model = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 2))
    trainer = train.Trainer(model, optim.Adam(model.parameters(), lr=0.05), nn.CrossEntropyLoss())
    trainer.fit((X, Y), 60, progress="none")
    path = tmp_path / "regions.png"
    shown = colours(viz.decision_regions(model, X, Y, path))
    assert path.stat().st_size > 1000
    assert (shown[100:200, 0] == 0).all()
    assert (shown[100:200, -1] == 1).all()
    assert model.training
    viz.decision_regions(model, X[:1], Y[:1])  # a single point has a neighbourhood too


@pytest.mark.parametrize(("x", "y"), [(X[:, :1], Y), (X, Y[:-1]), (X[:0], Y[:0])])
def test_data_that_is_not_of_the_plane(x, y):
    with pytest.raises(DataError, match="points of the plane"):
        viz.decision_regions(Side("logits"), x, y)
