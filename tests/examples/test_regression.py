"""``examples/regression.py`` as its users meet it, run small, and the measures that its table rests on."""

import re
from statistics import NormalDist

import numpy as np
import pytest

import minigrad as mg
from tests.examples.example_runs import check_page, imported, picture_size, run, run_without

pytest.importorskip("sklearn", reason="the patients are scikit-learn's: extra examples")


@pytest.fixture
def regression(monkeypatch):
    return imported("regression", monkeypatch)


# -- the command ----------------------------------------------------------------------------------


def test_five_folds_a_table_and_a_picture(tmp_path):
    done = run(tmp_path, "regression", "--epochs", "2", "--members", "2", "--level", "0.8", "--output", "mine.png")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    folds = [re.fullmatch(r"fold (\d) of 5: RMSE of ridge (\S+), of the ensemble (\S+) \(penalty \S+\)", line)
             for line in lines[:5]]  # fmt: skip
    assert [fold[1] for fold in folds] == list("12345")
    assert lines[7].startswith("80% intervals")
    table = {name: cells for name, *cells in (re.split(r"\s{2,}", line.strip()) for line in lines[8:11])}
    assert list(table) == ["ridge", "ensemble, its own", "ensemble, calibrated"]
    rmse, r2, coverage, width, score = (float(cell.strip("%")) for cell in table["ridge"])
    # scikit-learn's ridge regression on these folds is known, whatever the networks do.
    assert 53 < rmse < 57
    assert 0.45 < r2 < 0.55
    assert 75 < coverage < 85
    assert 120 < width < score
    assert float(table["ensemble, its own"][0]) > rmse  # two epochs are too few
    assert table["ensemble, its own"][:2] == table["ensemble, calibrated"][:2]
    assert "RMSE of the ensemble minus that of ridge: between +" in done.stdout
    assert "ridge is better." in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["mine.png"]
    assert picture_size(tmp_path / "mine.png") == (1300, 460)


@pytest.mark.parametrize("package", ["sklearn", "rich", "matplotlib"])
def test_a_missing_package_is_named_with_the_cure(tmp_path, package):
    done = run_without(package, tmp_path, "regression")
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"regression.py needs {package}")
    assert "pip install -e '.[examples]'" in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--epochs 0", "argument --epochs: expected a whole number from 1 to 1000000, got '0'"),
        ("--members 1", "argument --members: expected a whole number from 2 to 100, got '1'"),
        ("--level 90", "argument --level: expected a number from 0.5 to 0.99, got '90'"),
        ("--level nan", "argument --level: expected a number from 0.5 to 0.99, got 'nan'"),
        ("--seed -1", "argument --seed: expected a whole number from 0"),
        ("--output regression.txt", "expected a name that ends in .png, .pdf or .svg, got 'regression.txt'"),
    ],
)
def test_wrong_options_are_explained(regression, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as error:
        regression.parse_options(arguments.split())
    assert error.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_the_page_has_the_command_and_the_picture():
    check_page("regression")


# -- the parts ------------------------------------------------------------------------------------


def test_the_loss_is_that_of_the_normal_distribution(regression):
    y = np.array([0.5, -1.0], np.float64)
    predictions = mg.tensor(np.array([[0.0, 0.2], [1.0, -0.4]]))
    densities = [
        NormalDist(mean, np.exp(0.5 * log_variance)).pdf(value)
        for (mean, log_variance), value in zip(predictions.data, y, strict=True)
    ]
    expected = -np.mean(np.log(densities)) - 0.5 * np.log(2 * np.pi)
    assert regression.negative_log_likelihood(predictions, y).item() == pytest.approx(expected)


def test_the_deviation_of_a_mixture_is_that_of_its_samples(regression):
    rng = np.random.default_rng(0)
    predictions = rng.standard_normal((4, 1, 2))
    mean, deviation = regression.mean_and_deviation(predictions)
    samples = predictions[:, 0, 0] + np.exp(0.5 * predictions[:, 0, 1]) * rng.standard_normal((200_000, 4))
    assert mean[0] == pytest.approx(samples.mean(), abs=0.02)
    assert deviation[0] == pytest.approx(samples.std(), abs=0.02)


def test_quantiles_cover_new_scores_as_promised(regression):
    wanted = np.array([0.5, 0.8, 0.9, 0.99])
    assert list(regression.quantiles(np.arange(1, 20), wanted)) == [10, 16, 18, 19]  # of 20, the new one included
    assert list(regression.quantiles(np.arange(1, 20), np.array([0.52]))) == [11]  # of 19 it would be the tenth
    rng = np.random.default_rng(0)
    covered = [rng.random() <= regression.quantiles(rng.random(19), wanted) for _ in range(4000)]
    assert np.mean(covered, axis=0)[:3] == pytest.approx(wanted[:3], abs=0.02)


def test_measures(regression):
    y = np.array([0.0, 10.0, 20.0, 30.0])
    predictions = regression.Predictions(np.array([1.0, 10.0, 20.0, 26.0]), np.full((4, 2), 2.0))
    found = regression.measures(y, predictions, 0.9)
    assert found["RMSE"] == pytest.approx(np.sqrt(17 / 4))
    assert found["R²"] == pytest.approx(1 - 17 / 500)
    assert (found["coverage"], found["width"]) == (0.75, 4.0)
    assert found["score"] == pytest.approx(4 + 20 * 2 / 4)  # one value is 2 outside, which costs 2 / 0.1 times as much


def test_differences_are_judged_by_their_interval(regression):
    rng = np.random.default_rng(0)
    y = rng.standard_normal(300)
    good, bad = (regression.Predictions(y + noise * rng.standard_normal(300), np.ones((300, 1))) for noise in (0.5, 1))
    low, high = regression.difference(y, good, bad)
    assert low < -0.5 < high < 0
    assert regression.verdict(low, high) == "the ensemble is better"
    assert regression.verdict(*regression.difference(y, bad, good)) == "ridge is better"
    assert regression.difference(y, good, good) == (0, 0)
    assert regression.verdict(-0.1, 0.2) == "they are level"
