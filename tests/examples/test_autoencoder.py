"""``examples/autoencoder.py`` as its users meet it, run small, and the measures that its table rests on."""

import re

import numpy as np
import pytest

from tests.examples.example_runs import check_page, imported, picture_size, run, run_without

pytest.importorskip("sklearn", reason="the digits are scikit-learn's: extra examples")

ROW = re.compile(r"(PCA|autoencoder)\s+(0\.\d{4})\s+(\d+\.\d)%")


@pytest.fixture
def autoencoder(monkeypatch):
    return imported("autoencoder", monkeypatch)


# -- the command ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_short_training_beats_pca(tmp_path):
    done = run(tmp_path, "autoencoder", "--epochs", "25", "--output", "mine.png")
    assert (done.returncode, done.stderr) == (0, "")
    table = {name: (float(error), float(share)) for name, error, share in ROW.findall(done.stdout)}
    assert list(table) == ["PCA", "autoencoder"]
    assert 0.045 < table["PCA"][0] < 0.06
    assert table["autoencoder"][0] < table["PCA"][0] - 0.005
    assert all(40 < share < 100 for _, share in table.values())
    assert 3 <= int(re.search(r"PCA needs (\d+) components for an error as small", done.stdout)[1]) < 10
    assert done.stdout.splitlines()[-1] == "The picture is in mine.png."
    assert [path.name for path in tmp_path.iterdir()] == ["mine.png"]
    assert picture_size(tmp_path / "mine.png") == (1100, 760)


@pytest.mark.slow
def test_the_seed_matters_and_no_picture_is_written(tmp_path):
    errors = []
    for seed in ("0", "0", "1"):
        done = run(tmp_path, "autoencoder", "--epochs", "1", "--seed", seed, "--no-plot", "--validate")
        assert (done.returncode, done.stderr) == (0, "")
        assert "picture" not in done.stdout
        errors.append(ROW.findall(done.stdout)[1][1:])
    assert errors[0] == errors[1] != errors[2]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("package", ["sklearn", "rich", "matplotlib"])
def test_a_missing_package_is_named_with_the_cure(tmp_path, package):
    done = run_without(package, tmp_path, "autoencoder")
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"autoencoder.py needs {package}")
    assert "pip install -e '.[examples]'" in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--epochs 0", "argument --epochs: expected a whole number from 1 to 1000000, got '0'"),
        ("--epochs few", "argument --epochs: expected a whole number from 1 to 1000000, got 'few'"),
        ("--seed -1", "argument --seed: expected a whole number from 0 to 4294967295, got '-1'"),
        ("--output codes", "argument --output: expected a name that ends in .png, .pdf or .svg, got 'codes'"),
        ("--code 3", "unrecognized arguments: --code 3"),
    ],
)
def test_wrong_options_are_explained(autoencoder, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as error:
        autoencoder.parse_options(arguments.split())
    assert error.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_the_page_has_the_command_and_the_picture():
    check_page("autoencoder")


# -- the parts ------------------------------------------------------------------------------------


def test_validation_never_sees_the_held_out_digits(autoencoder):
    (images, labels), (held, held_labels) = autoencoder.load_data(validate=False)
    (part, _), (unseen, _) = autoencoder.load_data(validate=True)
    assert (images.shape, images.dtype, held.shape) == ((1437, 64), np.float32, (360, 64))
    assert (len(labels), len(held_labels)) == (1437, 360)
    known = {image.tobytes() for image in images}
    assert {image.tobytes() for image in part} | {image.tobytes() for image in unseen} == known
    assert not known & {image.tobytes() for image in held}
    assert not {image.tobytes() for image in part} & {image.tobytes() for image in unseen}


def test_noise_is_in_the_input_and_not_in_the_target(autoencoder):
    images = np.full((500, 64), 0.5, np.float32)
    inputs, targets = autoencoder.noisy((images,), np.random.default_rng(0))
    assert inputs.dtype == np.float32
    assert targets is images
    assert inputs.std() == pytest.approx(autoencoder.NOISE, rel=0.05)


@pytest.mark.slow
def test_the_error_of_pca_is_what_it_leaves_of_the_variance(autoencoder):
    rng = np.random.default_rng(0)
    images = rng.random((100, 64)) @ rng.random((64, 64))
    values = np.linalg.svd(images - images.mean(0), compute_uv=False)
    for components in (1, 2, 40):
        left = np.sum(values[components:] ** 2) / images.size
        assert autoencoder.pca_error(images, images, components) == pytest.approx(left)
    reached = np.sum(values[5:] ** 2) / images.size
    assert autoencoder.as_many(images, images, reached * 1.0001) == 5
    assert autoencoder.as_many(images, images, reached * 0.9999) == 6
    assert autoencoder.as_many(images, images, -1.0) == 64
    assert autoencoder.as_many(images, images, 1e9) == 1


def test_neighbours_agree_where_classes_lie_apart(autoencoder):
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 2
    codes = rng.standard_normal((200, 2))
    apart = codes + 20 * labels[:, None]
    assert autoencoder.agreement(apart[:100], labels[:100], apart[100:], labels[100:]) == 1
    assert 0.2 < autoencoder.agreement(codes[:100], labels[:100], codes[100:], labels[100:]) < 0.8
