"""Recurrent layers, attention and scans in C beside the step."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from tests.compiler.c.compiling import exported, follows, needs_compiler
from tests.compiler.c.test_windows import gradients

F = nn.functional


class Sequence(nn.Module):
    def __init__(self, kind, **options):
        self.layer = kind(5, 6, generator=np.random.default_rng(0), **options)
        self.head = nn.Linear(6, 3, generator=np.random.default_rng(1))

    def forward(self, x):
        return self.head(self.layer(x)[0][:, -1])


class Text(nn.Module):
    def __init__(self):
        self.words = nn.Embedding(11, 16, generator=np.random.default_rng(0))
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, generator=np.random.default_rng(1))
        self.head = nn.Linear(16, 11, generator=np.random.default_rng(2))

    def forward(self, tokens):
        return self.head(self.layer(self.words(tokens)))


def training(model):
    optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

    def step(x, y):
        made = model(x)
        loss = F.cross_entropy(made.reshape(-1, made.shape[-1]), y.reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


@needs_compiler
@pytest.mark.parametrize(
    "kind", [nn.GRU, pytest.param(nn.LSTM, marks=pytest.mark.slow), pytest.param(nn.RNN, marks=pytest.mark.slow)]
)
def test_a_recurrent_layer_trains(kind, tmp_path):
    x = np.random.default_rng(2).standard_normal((4, 7, 5)).astype(np.float32)
    follows(training(Sequence(kind)), tmp_path / "step.c", x, np.arange(4) % 3, options=("-O0",))


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gru", "lstm", "rnn"])
def test_sequences_of_different_lengths(kind, tmp_path):
    model = Sequence({"gru": nn.GRU, "lstm": nn.LSTM, "rnn": nn.RNN}[kind])
    lengths = np.array([3, 1, 0, 2, 3, 3, 2])

    def step(x, w):
        x, w = (mg.tensor(a, requires_grad=True) for a in (x, w))
        z = model.layer(x * w, lengths=lengths)[0]
        return z, *mg.autograd.grad((z * z).sum(), [x, w])

    x = np.random.default_rng(2).standard_normal((3, 7, 5)).astype(np.float32)
    follows(step, tmp_path / "step.c", x, np.float32([1.5]), steps=1, options=("-O0",))


@needs_compiler
@pytest.mark.slow
def test_a_transformer_trains(tmp_path):
    tokens = np.random.default_rng(0).integers(0, 11, (3, 5))
    follows(training(Text()), tmp_path / "step.c", tokens, tokens)


def test_a_transformer_without_a_compiler(tmp_path):
    model = Text()
    model.eval()
    with mg.no_grad():
        exported(lambda tokens: model(tokens), tmp_path / "text.c", np.zeros((1, 4), np.int64))
    header = (tmp_path / "text.h").read_text()
    assert "expected false: at_least" in header  # a word that is none
    assert "float words_weight[176];" in header


ATTENTION = {
    "causal": (True, None),
    "masked": (False, np.random.default_rng(1).random((70, 70)) < 0.6),
    "added": (False, np.random.default_rng(1).standard_normal((2, 70, 70))),
}


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("kind", ATTENTION)
def test_attention_in_tiles(kind, tmp_path):
    causal, mask = ATTENTION[kind]

    def f(x, w):
        x = x * w
        return F.scaled_dot_product_attention(x, x[:1] * 2, x + 1, mask, is_causal=causal)

    x = np.random.default_rng(0).standard_normal((2, 70, 4))
    follows(gradients(f), tmp_path / "f.c", x, np.ones(4), steps=1, options=("-O0",))


@pytest.mark.parametrize("kind", ATTENTION)
def test_attention_without_a_compiler(kind, tmp_path):
    causal, mask = ATTENTION[kind]

    def f(x, w):
        return F.scaled_dot_product_attention(x * w, x, x, mask, is_causal=causal)

    exported(gradients(f), tmp_path / "f.c", np.ones((2, 70, 2)), np.ones(2))
    assert "attention" in (tmp_path / "f.c").read_text()


@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM, nn.RNN])
def test_recurrent_layers_without_a_compiler(kind, tmp_path):
    model = Sequence(kind)

    def step(x, w):
        x, w = (mg.tensor(a, requires_grad=True) for a in (x, w))
        z = model.layer(x * w, lengths=np.array([2, 1, 0]))[0]
        return z, *mg.autograd.grad((z * z).sum(), [x, w])

    exported(step, tmp_path / "f.c", np.ones((2, 3, 5), np.float32), np.ones(1, np.float32))
    assert "onward" in (tmp_path / "f.c").read_text()


@needs_compiler
@pytest.mark.slow
def test_recurrences_and_triangles(tmp_path):
    def f(x, w):
        z = mg.cumprod(x, 1)
        return (
            mg.linalg.solve_triangular(mg.tril(w) + 3 * np.eye(4), z) if hasattr(mg.linalg, "solve_triangular") else z
        )

    x, w = np.random.default_rng(0).standard_normal((2, 4, 4))
    follows(gradients(f), tmp_path / "f.c", x, w, steps=1, options=("-O0",))
