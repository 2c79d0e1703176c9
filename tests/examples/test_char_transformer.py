"""``examples/char_transformer.py``: the n-grams, the text, the command, its exact resumption, and what it refuses."""

import importlib
import re
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

import minigrad as mg
from minigrad.files import Checkpoints
from tests.examples.commands import EXAMPLES, command, command_without, is_picture

TINY = [
    "--batch=2", "--context=8", "--width=8", "--layers=1", "--heads=2", "--buckets=32", "--sample=20",
    "--checkpoint-every=2", "--steps=4",
]  # fmt: skip


@pytest.fixture
def modules(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    names = ("char_transformer", "char_model", "ngrams", "library_text")
    return [importlib.import_module(name) for name in names]


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("the cat sat on the mat, and the rat ate that.\n" * 12, encoding="utf-8")
    return path


# -- the baseline ---------------------------------------------------------------------------------


def by_hand(train, told, characters, order):
    """The same smoothing with dicts, for one character at a time."""
    tables = []
    for n in range(1, order + 1):
        grams = Counter(tuple(train[i : i + n]) for i in range(len(train) - n + 1))
        if n < order:
            longer = {tuple(train[i : i + n + 1]) for i in range(len(train) - n)}
            grams = Counter(gram[1:] for gram in longer)
        n1, n2, n3, n4 = (max(1, sum(c == k for c in grams.values())) for k in (1, 2, 3, 4))
        y = n1 / (n1 + 2 * n2)
        raw = [0, 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3]
        tables.append((grams, [min(max(d, 0.05), k) for k, d in enumerate(raw)]))
    total, text = 0.0, [*train, *told]
    for i in range(len(train), len(text)):
        p = 1 / characters
        for n, (grams, discounts) in enumerate(tables, start=1):
            context = tuple(text[i - n + 1 : i])
            counts = {gram[-1]: c for gram, c in grams.items() if gram[:-1] == context}
            if counts:
                kept = sum(discounts[min(c, 3)] for c in counts.values())
                c = counts.get(text[i], 0)
                p = (max(c - discounts[min(c, 3)], 0) + kept * p) / sum(counts.values())
        total -= np.log2(p)
    return total / len(told)


def test_ngrams_are_those_of_the_formula(modules):
    rng = np.random.default_rng(0)
    train, told = rng.choice(4, 200, p=[0.5, 0.3, 0.15, 0.05]), rng.choice(5, 30)  # 4 is in the second alone
    made = modules[2].bits_by_order(train, told, 6, 4)
    assert np.allclose(made, [by_hand(train.tolist(), told.tolist(), 6, n) for n in (1, 2, 3, 4)])


def test_ngrams_are_probabilities(modules):
    """Over all characters that may come next, they sum to 1."""
    train = np.random.default_rng(0).choice(3, 100)
    shares = [2 ** -modules[2].bits_by_order(train, np.array([c]), 4, 3) for c in range(4)]
    assert np.allclose(np.sum(shares, 0), 1)


def test_the_length_is_chosen(modules):
    pattern = np.tile([0, 1, 0, 2], 100)
    found = modules[2].baseline(pattern[:360], pattern[360:], 3, 4)
    assert found.order >= 3  # what comes after 0 depends on what was before
    assert found.bits < 0.2


# -- text and model -------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_documentation_is_there_once(modules):
    text = modules[3].documentation()
    assert len(text) > 500_000
    assert text.count("Return a shallow copy of x") <= 1
    assert text == modules[3].documentation()


def test_characters_that_only_the_end_has_are_unknown(modules):
    found = modules[0].numbered("a" * 9 + "z")
    assert found.characters == "a\ufffd"
    assert (found.train.tolist(), found.validation.tolist()) == ([0] * 9, [1])


def test_the_model_sees_nothing_that_comes_later(modules):
    model = modules[1].CharacterGPT(5, 8, 8, 1, 2, 16, 0.0, np.random.default_rng(0))
    codes = np.array([0, 1, 2, 3, 4, 0, 1, 2])
    other = codes.copy()
    other[5:] = 4
    with mg.no_grad():
        a, b = (model(modules[1].rows_of(c, 16, 8)[:, None]).data[0] for c in (codes, other))
    assert np.array_equal(a[:5], b[:5])
    assert not np.allclose(a[5], b[5])


def test_rows_depend_on_the_last_characters_alone(modules):
    rows_of = modules[1].rows_of
    text, memory = np.random.default_rng(0).integers(0, 3, 200), 20
    before = memory + max(modules[1].GRAMS + modules[1].COPIES)
    whole, part = rows_of(text, 64, memory), rows_of(text[70 - before :], 64, memory)
    assert np.array_equal(whole[:, 70:], part[:, before:])


def test_what_followed_is_what_a_search_finds(modules):
    text, memory = np.random.default_rng(0).integers(0, 2, 120), 15
    found = modules[1].rows_of(text, 64, memory)[1 + len(modules[1].GRAMS) :]
    told = 0
    for length, row in zip(modules[1].COPIES, found, strict=True):
        grams = [tuple(text[place - length + 1 : place + 1]) for place in range(len(text))]
        for place in range(length - 1, len(text)):
            same = [e for e in range(length - 1, place) if grams[e] == grams[place] and place - e <= memory]
            assert row[place] == (1 + text[same[-1] + 1] if same else 0)
            told += bool(same)
    assert told > 100


def test_n_grams_of_other_order_have_other_marks(modules):
    pairs = np.array([[a, b] for a in range(12) for b in range(12)])
    marks = {int(modules[1].fingerprints(pair, 2)[2][1]) for pair in pairs}
    assert len(marks) == 144


# -- the command ----------------------------------------------------------------------------------


def test_the_command(tmp_path, text):
    done = command("char_transformer.py", tmp_path, "--text", text, *TINY, "--backend", "numpy")
    assert (done.returncode, done.stderr) == (0, "")
    network, ngrams = re.search(r"network (\S+), n-grams (\S+)$", done.stdout, re.MULTILINE).groups()
    assert 0 < float(ngrams) < 1 < float(network) < 6
    assert is_picture(tmp_path / "char_transformer.png")
    assert Checkpoints(tmp_path / "char_transformer").steps() == [2, 4]
    again = command("char_transformer.py", tmp_path, "--text", text, *TINY)
    assert again.returncode == 1
    assert "has checkpoints: write --resume, or another --checkpoints" in again.stderr


@pytest.mark.parametrize("backend", ["numpy", "auto"])
@pytest.mark.slow
def test_resuming_is_exact(modules, tmp_path, text, monkeypatch, backend):
    monkeypatch.chdir(tmp_path)
    arguments = ["--text", str(text), *TINY, "--steps", "10", "--checkpoint-every", "4", "--no-plot"]
    arguments += ["--backend", backend]
    script = modules[0]
    assert script.main([*arguments, "--checkpoints", "whole"]) == 0

    def killing(run, inner):
        def stepped(*batch):
            if run.steps == 6:
                raise KeyboardInterrupt
            return inner(*batch)

        return stepped

    original = script.Run.compiled
    monkeypatch.setattr(script.Run, "compiled", lambda self: killing(self, original(self)))
    assert script.main([*arguments, "--checkpoints", "parts"]) == 130
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert Checkpoints("parts").steps() == [4]
    assert script.main([*arguments, "--checkpoints", "parts", "--resume"]) == 0
    whole, parts = Checkpoints("whole").load(), Checkpoints("parts").load()
    assert whole["steps"] == parts["steps"] == 10
    for name, array in whole["model"].items():
        assert np.array_equal(array, parts["model"][name]), name
    assert whole["losses"].tolist() == parts["losses"].tolist()
    assert whole["generator"] == parts["generator"]


def test_another_training_is_not_resumed(modules, tmp_path, text, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ["--text", str(text), *TINY, "--no-plot", "--backend", "eager"]
    assert modules[0].main(arguments) == 0
    with pytest.raises(
        SystemExit, match=r"of another training, with learning_rate 0\.003: begin anew in other --checkpoints"
    ):
        modules[0].main([*arguments, "--learning-rate", "1", "--resume"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--heads 3", "--heads: expected a number that divides --width 128, got 3"),
        ("--dropout 1", "expected a number from 0 to 0.99, got '1'"),
        ("--backend torch", "invalid choice: 'torch'"),
        ("--steps 0", "expected a whole number from 1 to 1000000000, got '0'"),
        ("--output x.gif", "expected a name that ends in .png, .pdf or .svg, got 'x.gif'"),
    ],
)
def test_wrong_options_are_explained(modules, capsys, arguments, message):
    with pytest.raises(SystemExit) as error:
        modules[0].main(arguments.split())
    assert error.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_wrong_texts_are_explained(modules, tmp_path):
    with pytest.raises(SystemExit, match="No such file"):
        modules[0].main(["--text", str(tmp_path / "missing.txt")])
    (tmp_path / "short.txt").write_text("short")
    with pytest.raises(SystemExit, match="the text is too short: expected at least 1,290 characters, got 5"):
        modules[0].main(["--text", str(tmp_path / "short.txt")])
    (tmp_path / "bytes.txt").write_bytes(b"caf\xe9")
    with pytest.raises(SystemExit, match=r"bytes.txt' is no text in UTF-8: .* byte 0xe9 in position 3"):
        modules[0].main(["--text", str(tmp_path / "bytes.txt")])


def test_a_folder_that_cannot_be_made_is_said_before_the_training(modules, tmp_path, text, capsys):
    folder = tmp_path / "text.txt" / "checkpoints"
    with pytest.raises(SystemExit, match=r"char_transformer.py: .*text.txt"):
        modules[0].main(["--text", str(text), *TINY, "--checkpoints", str(folder)])
    assert "training" not in capsys.readouterr().out


def test_a_training_that_diverges_ends_with_a_cure_and_leaves_no_bad_checkpoint(modules, tmp_path, text):
    arguments = ["--text", str(text), *TINY, "--no-plot", "--backend", "eager", "--learning-rate", "1e30"]
    with pytest.raises(SystemExit, match=r"the loss of step \d is (nan|inf): try a smaller --learning-rate"):
        modules[0].main([*arguments, "--checkpoints", str(tmp_path / "run"), "--checkpoint-every", "1"])
    assert np.isfinite(Checkpoints(tmp_path / "run").load()["losses"]).all()


@pytest.mark.parametrize("ngrams", [0.5, 2.0, 9.0])
def test_the_picture_holds_the_end_of_every_curve(modules, tmp_path, ngrams, monkeypatch):
    """However far from the n-grams a short training ends."""
    drawn = []
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda figure, *_, **__: drawn.append(figure))
    run = SimpleNamespace(steps=3, losses=[6.0, 5.5, 5.2], looks=[(1, 6.1), (3, 5.0)])
    modules[0].draw(SimpleNamespace(output=tmp_path / "x.png"), run, 5.1, ngrams)
    low, high = drawn[0].axes[0].get_ylim()
    assert all(low < value < high for value in (5.0, 5.1, 5.2, ngrams))


@pytest.mark.parametrize("package", ["rich"])
def test_a_missing_package_is_named_with_the_cure(tmp_path, package):
    done = command_without(package, "char_transformer.py", tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"char_transformer.py needs {package}")
    assert "pip install -e '.[examples]'" in line
