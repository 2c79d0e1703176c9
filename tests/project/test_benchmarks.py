"""The benchmark command runs, compares like with like, and says what was asked wrongly. No time is asserted."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks import drawn
from tests.benchmarks.drawn import KINDS, MODELS, checked, draw
from tests.benchmarks.timing import Comparison

ROOT = Path(__file__).parents[2]
PEERS = ("notebook", "torch", "mygrad", "autograd")  # not jax, which compiles for seconds

#: A small draw of each kind.
DRAWN = {
    "mlp": 11, "regression": 0, "convolutional": 4, "recurrent": 3, "attention": 1, "transformer": 10, "embedding": 11,
    "gaussian_process": 2, "linear_algebra": 0, "ode": 10, "jacobian": 1, "hvp": 1,
}  # fmt: skip


def run(*arguments):
    command = [sys.executable, "-m", "tests.benchmarks", *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}  # PyTorch's threads spin beside a parallel test run
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
    )


@pytest.mark.slow
def test_all_that_are_installed_train_the_same_network_and_are_timed_in_turns(tmp_path):
    path = tmp_path / "spiral.json"
    peers = [word for peer in PEERS for word in ("--peer", peer)]
    done = run("--workload", "spiral", "--rounds", 3, "--seconds", 0.001, "--json", path, *peers)
    assert done.returncode == 0, done.stderr
    (comparison,) = json.loads(path.read_text(encoding="utf-8"))["comparisons"]
    losses, samples = comparison["losses"], comparison["samples"]

    assert {"minigrad", "notebook"} <= set(losses) == set(samples)
    for trained in losses.values():
        assert trained == pytest.approx(losses["notebook"], rel=1e-4)
        assert trained[-1] < 0.95 * trained[0]  # so the updates were compared too

    assert all(len(seconds) == 3 and min(seconds) > 0 for seconds in samples.values())
    by_notebook = next(ratio for ratio in comparison["ratios"] if ratio["to"] == "notebook")
    per_round = sorted(a / b for a, b in zip(samples["minigrad"], samples["notebook"], strict=True))
    assert by_notebook["median"] == pytest.approx(per_round[1])
    assert by_notebook["met"] == (per_round[1] <= by_notebook["target"])

    assert all(name in done.stdout for name in samples)
    assert all(f"skipped {name}" in done.stdout and "[bench]" in done.stdout for name in comparison["skipped"])


@pytest.mark.parametrize(("option", "known"), [("--workload", "spiral"), ("--peer", "notebook")])
def test_an_unknown_name_is_answered_with_the_known_ones(option, known):
    done = run(option, "sprial")
    assert done.returncode == 2
    assert "sprial" in done.stderr
    assert known in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("workload", "subjects"),
    [("replay", {"call", "program", "checks", "result"}), ("converged", {"fresh", "subnormal", "zero"})],
)
def test_a_workload_of_compiled_steps_runs_where_its_backends_are(workload, subjects, monkeypatch):
    """In this process, with few steps; each part is timed in each round."""
    from tests.benchmarks import converged
    from tests.benchmarks.timing import Settings
    from tests.benchmarks.workloads import WORKLOADS

    monkeypatch.setattr(converged, "LATER", 3)
    monkeypatch.setattr(Settings, "chosen", lambda _, builders: {k: v for k, v in builders.items() if k == "numpy"})
    first, *others = WORKLOADS[workload](Settings(rounds=2, seconds=1e-4))
    assert set(first.samples) == subjects
    assert all(len(seconds) == 2 and min(seconds) > 0 for one in (first, *others) for seconds in one.samples.values())
    assert "numpy" in first.title


@pytest.mark.slow
def test_the_loader_is_timed_beside_slicing_by_hand():
    from tests.benchmarks.timing import Settings
    from tests.benchmarks.workloads import WORKLOADS

    for comparison in WORKLOADS["loader"](Settings(rounds=2, seconds=1e-4, peers=("hand",))):
        assert set(comparison.samples) == {"minigrad", "hand"}
        assert comparison.met("minigrad", "hand") in (True, False)


def test_what_fit_adds_is_told_with_how_sure_that_is():
    from tests.benchmarks.fitting import added, median_within
    from tests.benchmarks.timing import Settings
    from tests.benchmarks.workloads import spiral_problem

    many, own = added("fit", spiral_problem(), 3, 0.01)(Settings(rounds=2))
    for comparison in (many, own):
        # The last step has no next batch to end at, so it has no time.
        assert {len(seconds) for seconds in comparison.samples.values()} == {5}
        assert min(comparison.samples["hand"]) > 0
        assert "µs added to a step" in comparison.notes[0]
    # Of 100 coin tosses, 40 to 60 heads have a probability of 96.5 %.
    assert median_within(100) == (40, 59)
    assert median_within(3) == (0, 2)


# -- drawn workloads ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", DRAWN)
def test_each_kind_of_drawn_workload_is_the_same_in_each_framework(kind):
    """The losses of some steps, so with the updates; of a function the value and all that is asked of it."""
    title, builders, values = checked(kind, DRAWN[kind], ("minigrad", "numpy", "torch"))
    assert set(builders) == set(values) >= {"minigrad", "numpy"}
    assert draw(kind, DRAWN[kind])[0] == title != draw(kind, DRAWN[kind] + 1)[0]
    if kind in MODELS:
        assert len(set(values["minigrad"])) > 1


def test_every_kind_has_a_small_draw():
    assert set(DRAWN) == set(KINDS)


def test_frameworks_that_compute_different_things_are_not_compared(monkeypatch):
    wrong = {"minigrad": lambda: lambda: 1.0, "numpy": lambda: lambda: 1.1}
    monkeypatch.setattr(drawn, "draw", lambda *_: ("two numbers", {"checked": wrong, "timed": wrong}))
    with pytest.raises(ValueError, match="different things") as error:
        checked("mlp", 0, ("minigrad", "numpy"))
    assert "two numbers" in error.value.__notes__[0]


@pytest.mark.parametrize("clock", ["", "--busy "])
def test_drawn_workloads_are_measured_and_their_geometric_means_printed(clock, tmp_path, capsys, monkeypatch):
    ours = {"minigrad": lambda: lambda: 1.0, "numpy": lambda: lambda: 1.0, "torch": lambda: lambda: 1.0}
    monkeypatch.setattr(drawn, "draw", lambda kind, seed: (f"{kind} {seed}", {"checked": ours, "timed": ours}))
    path = tmp_path / "drawn.json"
    command = f"{clock}--kind mlp --kind ode --draws 1 --rounds 1 --seconds 0.0001 --subject minigrad --json"
    assert drawn.main([*command.split(), str(path)]) == 0
    found = json.loads(path.read_text(encoding="utf-8"))
    assert [one["title"] for one in found["draws"]] == ["mlp 0", "ode 0"]
    assert [row[:2] for row in found["means"]] == [["kind", "draws"], ["mlp", "1"], ["ode", "1"], ["all", "2"]]
    assert "| all | 2 |" in capsys.readouterr().out

    def fixed(ours, *others):
        return Comparison("", {"minigrad": [ours], **{f"{name}": [time] for name, time in others}})

    table = drawn.means({"a": [fixed(2.0, ("torch", 1.0), ("jax", 4.0)), fixed(1.0, ("torch", 8.0))]})
    assert table[1] == ["a", "2", "0.50", "2.00"]  # of 2 and 1/8
