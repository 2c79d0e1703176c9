"""``examples/sequence_rnn.py``: the phrases, both readers, what the command prints and draws, and what it refuses."""

import importlib
import re

import numpy as np
import pytest

from tests.examples.commands import EXAMPLES, command, command_without, is_picture


@pytest.fixture
def rnn(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib.import_module("sequence_rnn")


def test_phrases_are_runs_of_words(rnn):
    text = "Return a new\n    set, or None. It is (not) `a` phrase. Two words. return a new set! Return a new set."
    assert rnn.phrases(text) == ["return a new set"]


def test_letters_and_labels(rnn):
    known = ["a tree is", "on it"]
    code = rnn.Code(known, rnn.Dictionary(known))
    (letters, words, guess), lengths, labels = code.batch(["a tree is", "on it"])
    assert lengths.tolist() == [6, 4]  # the space before it counts
    assert "".join(rnn.LETTERS[i] for i in letters[0]) == "  tr s"
    assert [code.groups[i] for i in labels[0]] == ["a", "", "", "ee", "i", ""]
    assert (guess == np.where(labels == rnn.NOTHING, 0, labels)).all()  # it knows these words
    assert not words.any()  # none of them occurs three times
    assert (labels[1, 4:] == rnn.NOTHING).all()
    rebuilt = "".join(rnn.LETTERS[i] + code.groups[j] for i, j in zip(letters[1, :4], labels[1, :4], strict=True))
    assert rebuilt == " on it"


def test_words_that_occur_often_have_numbers(rnn):
    known = ["of the tree", "if the tree", "of a tree"]
    code = rnn.Code(known, rnn.Dictionary(known))
    assert code.words == {"f": 1, "tr": 2}
    read, _, _ = code.batch(["of the tree"])
    assert read[1].tolist() == [[1, 1, 0, 0, 0, 2, 2, 2]]  # a space belongs to the word behind it


def test_the_dictionary_takes_the_commonest_and_guesses_the_rest(rnn):
    dictionary = rnn.Dictionary(["of the tree", "of a tree", "if it is", "set the bit"])
    assert dictionary.read(["f th tr", "bt", "f  tr"]) == ["of the tree", "bit", "of a tree"]
    assert dictionary.read(["st"]) == ["set"]
    assert dictionary.read(["tst"]) == ["tset"]  # unknown: t-s and s-t as in the other words


def test_a_share_counts_words(rnn):
    told = ["of the tree", "is it"]
    assert rnn.share(lambda read: ["if the tree", "is at"], told) == 3 / 5
    assert rnn.share(lambda read: told, told) == 1


def test_the_network_does_not_read_behind_the_end(rnn):
    known = ["a tree is on the other side"]
    code = rnn.Code(known, rnn.Dictionary(known))
    network = rnn.Network(code, 4, np.random.default_rng(0))
    alone = network.read(code, ["tr s"])
    assert network.read(code, ["tr s", "th thr sd f th tr s n t"])[0] == alone[0]


@pytest.mark.slow
def test_the_command(tmp_path):
    arguments = ("--steps", 4, "--batch", 8, "--hidden", 6, "--phrases", 200, "--read", "of the trees")
    done = command("sequence_rnn.py", tmp_path, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert "180 phrases to learn from, 20 to be measured by" in done.stdout
    network, dictionary = re.search(r"right: network (\S+)%, dictionary (\S+)%", done.stdout).groups()
    assert 0 <= float(network) < 100
    assert 0 < float(dictionary) < 100
    assert re.search(r"^read: {7}f th trs$", done.stdout, re.MULTILINE)
    assert [path.name for path in tmp_path.iterdir()] == ["sequence_rnn.png"]
    assert is_picture(tmp_path / "sequence_rnn.png")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--steps -1", "expected a whole number from 1 to 1000000000, got '-1'"),
        ("--phrases 3", "expected a whole number from 20 to 1000000000, got '3'"),
        ("--read 1984", "expected letters from a to z and single spaces, got '1984'"),
        ("--output rnn.txt", "expected a name that ends in .png, .pdf or .svg, got 'rnn.txt'"),
    ],
)
def test_wrong_options_are_explained(rnn, capsys, arguments, message):
    with pytest.raises(SystemExit) as error:
        rnn.main(arguments.split())
    assert error.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_a_missing_package_is_named_with_the_cure(tmp_path):
    done = command_without("rich", "sequence_rnn.py", tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("sequence_rnn.py needs rich.console, which is not installed: in a checkout")


def test_a_training_that_diverges_ends_with_a_cure(rnn, capsys, monkeypatch):
    words = ["cat", "hat", "dog", "tree", "house", "river"]
    text = ". ".join(f"the {a} saw the {b} at the {c}" for a in words for b in words for c in words)
    monkeypatch.setattr(rnn, "documentation", lambda: text)
    arguments = ["--steps", "20", "--batch", "8", "--hidden", "6", "--phrases", "50", "--no-plot"]
    with pytest.raises(SystemExit, match=r"sequence_rnn.py: the loss of step \d+ is (nan|inf): try a smaller"):
        rnn.main([*arguments, "--learning-rate", "1e30"])
    assert "words that are right" not in capsys.readouterr().out
