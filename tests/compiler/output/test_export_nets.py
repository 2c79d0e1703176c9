"""Nets whose programs are exported: text, images, dropout."""

import copy

import numpy as np

import minigrad as mg
from minigrad import nn, optim
from minigrad.compiler.output.listing import Listing
from minigrad.compiler.program import Call, Host
from minigrad.compiler.tracing.trace_comparison import same_bits
from tests.compiler.output.exported import exported, run_alone, run_thrice
from tests.compiler.test_compiled import data


class Text(nn.Module):
    """Embedding, layer norm, attention: what a program of a language model is made of."""

    def __init__(self):
        generator = np.random.default_rng(3)
        self.table = nn.Parameter(generator.standard_normal((11, 8)).astype(np.float32))
        self.scale, self.shift = nn.Parameter(np.ones(8, np.float32)), nn.Parameter(np.zeros(8, np.float32))
        self.head = nn.Linear(8, 11, generator=generator)

    def forward(self, tokens):
        x = mg.nn.functional.embedding(tokens, self.table)
        x = mg.nn.functional.layer_norm(x, (8,), self.scale, self.shift)
        x = x + mg.nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True)
        return self.head(x)


def test_embeddings_norms_and_attention(tmp_path):
    model = Text()
    tokens = np.random.default_rng(0).integers(0, 11, (4, 6))
    with mg.no_grad():
        predict = run_thrice(lambda tokens: model(tokens), tokens)
        made = exported(predict, tmp_path / "text.py")
        assert same_bits(made.predict(tokens, made.load()), model(tokens).data)
        np.savez(tmp_path / "weights.npz", **model.state_dict())  # the mask is none of the model's
        assert made.CONSTANTS
        assert same_bits(made.predict(tokens, made.load(tmp_path / "weights.npz")), model(tokens).data)
    namespace = {}
    exec(predict.source(), namespace)
    assert same_bits(namespace["step"](tokens, predict.state(), ())[0], model(tokens).data)


class Images(nn.Module):
    """Convolution, normalisation, pooling: what a program on images is made of."""

    def __init__(self):
        self.first = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4 * 4 * 4, 3, generator=np.random.default_rng(0))

    def forward(self, x):
        x = nn.functional.max_pool2d(self.norm(self.first(x)).relu(), 2)
        return self.head(nn.functional.gelu(x.reshape(len(x), -1)))


def test_a_net_on_images(tmp_path):
    mg.manual_seed(0)
    model = Images()
    x = np.random.default_rng(0).standard_normal((5, 1, 8, 8)).astype(np.float32)
    y = np.arange(5) % 3
    model(x)  # running statistics
    model.eval()
    optimizer = optim.Adam(model.parameters())

    def step(x, y):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    compiled = run_thrice(step, x, y)
    made = exported(compiled, tmp_path / "step.py")
    state = made.load()
    for _ in range(3):
        assert same_bits(np.asarray(made.train(x, y, state)[0]), step(x, y).data)
    assert all(same_bits(state[name], p.data) for name, p in model.named_parameters())
    with mg.no_grad():
        predict = run_thrice(lambda x: model(x), x)
        expected = predict(x)
    made = exported(predict, tmp_path / "predict.py")
    np.savez(tmp_path / "weights.npz", **model.state_dict())
    assert same_bits(made.predict(x, made.load(tmp_path / "weights.npz")), expected.data)
    assert "def " in (tmp_path / "predict.py").read_text().split("def predict")[0]  # convolution's own


def _noise(generator: np.random.Generator, shape, scale):
    return generator.standard_normal(shape, np.float32) * np.float32(scale)


class Noisy(nn.Module):
    """Dropout from two generators, and statistics that run."""

    def __init__(self):
        generator = np.random.default_rng(0)
        self.first = nn.Linear(2, 16, generator=generator)
        self.norm = nn.BatchNorm1d(16)
        self.drop = nn.Dropout(0.5, generator=np.random.default_rng(4))
        self.again = nn.Dropout(0.2)
        self.last = nn.Linear(16, 3, generator=generator)

    def forward(self, x):
        return self.last(self.again(self.drop(self.norm(self.first(x)).relu())))


def test_dropout_and_running_statistics_go_on_in_the_file(tmp_path):
    model = Noisy()
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    def step(x, y):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    mg.manual_seed(7)
    x, y = data()
    compiled = mg.compile(step)
    for _ in range(5):
        compiled(x, y)
    made = exported(compiled, tmp_path / "step.py")
    state, generators = made.load(), copy.deepcopy(compiled.generators())
    for _ in range(4):
        loss, _ = made.train(x, y, state, *generators)
        assert same_bits(np.asarray(loss), step(x, y).data)
    for name, array in model.state_dict().items():
        assert same_bits(state[name], array)
    namespace = {"__name__": "text"}
    exec(compiled.source(), namespace)
    again = copy.deepcopy(compiled.generators())
    text_state = {name: state[name] for name in compiled.state()}
    loss, _ = namespace["step"](x, y, text_state, made.rates(state), *again)
    assert same_bits(np.asarray(loss), compiled(x, y).data)
    before = [generator.bit_generator.state for generator in compiled.generators()]
    profile = compiled.profile(x, y, repeats=2)
    assert before == [generator.bit_generator.state for generator in compiled.generators()]
    drawn = [kernel for kernel in profile.kernels if " = mask(generator" in kernel.text]
    assert [kernel.written for kernel in drawn] == [4 * 30 * 16] * 2
    assert compiled.graph().dot.count("= mask(generator") == 2
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y)
    words = [str(tmp_path / "x.npy"), str(tmp_path / "y.npy"), "--seed", "3", "--out", str(tmp_path / "later.npz")]
    made.main(words)
    assert int(made.load(tmp_path / "later.npz")["optimizer.iterations"][0]) == 6


def test_what_is_drawn_comes_from_generators_that_are_given(tmp_path):
    compiled = run_thrice(lambda x, a, b: x * a + b * a, *np.ones((3, 2, 3), np.float32))
    program = compiled._latest.program
    owner = np.random.default_rng(5)
    # Two of the arguments are drawn instead, one of them from the package's generator.
    for value, origin, scale in zip(program.of_kind("argument")[1:], (owner, None), (2, 0.5), strict=True):
        value.kind, value.name = "result", "noise"
        host = Host("draw", owner=origin, function=_noise)
        program.calls.insert(1 if origin is None else 0, Call(host, ((2, 3), scale), {}, [value], []))
    listing = Listing(program)
    assert "def step(x, state, rates, generator, generator_2):" in listing.text
    assert "noise = _noise(generator, (2, 3), 2)  # (2, 3) float32" in listing.text
    compiled._latest.listing = listing
    mg.manual_seed(3)
    assert compiled.generators() == (owner, mg.random.default_generator())
    x = np.full((2, 3), 4, np.float32)
    a, b = _noise(np.random.default_rng(5), (2, 3), 2), _noise(np.random.default_rng(3), (2, 3), 0.5)
    namespace = {"__name__": "text"}
    exec(listing.text, namespace)
    assert same_bits(namespace["step"](x, {}, (), *compiled.generators())[0], x * a + b * a)
    made = exported(compiled, tmp_path / "f.py")
    result = made.predict(x, made.load(), np.random.default_rng(5), np.random.default_rng(3))
    assert same_bits(result, x * a + b * a)
    np.save(tmp_path / "x.npy", x)
    one, other, third = (
        run_alone(tmp_path / "f.py", "x.npy", "--out", "made.npy", "--seed", seed) for seed in (1, 1, 2)
    )
    assert one == other != third
