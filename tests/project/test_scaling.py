"""Cost against width and depth: what the floor counts, and that the command measures, prints and draws."""

import json

import numpy as np
import pytest

from tests.benchmarks import floor, scaling
from tests.benchmarks.floor import Product


def test_the_products_of_a_step_are_counted_by_shape():
    """Three for each layer but the first, which passes no gradient on."""
    counted = floor.products((4, 4, 4, 4, 2), batch=5)
    assert counted == {
        Product("FORWARD", 5, 4, 4): 3,
        Product("WEIGHTS", 5, 4, 4): 3,
        Product("INPUTS", 5, 4, 4): 2,
        Product("FORWARD", 5, 4, 2): 1,
        Product("WEIGHTS", 5, 4, 2): 1,
        Product("INPUTS", 5, 4, 2): 1,
    }


def test_flops_and_bytes_are_those_of_the_formula():
    batch, sizes = 6, (5, 7, 3, 2)
    assert floor.flops(sizes, batch) == 2 * batch * (2 * 5 * 7 + 3 * (7 * 3 + 3 * 2))
    weights = 5 * 7 + 7 + 7 * 3 + 3 + 3 * 2 + 2
    assert floor.traffic(sizes, batch) == 4 * (7 * weights + 5 * batch * (7 + 3))


def test_the_floor_is_flops_by_rate_and_bytes_by_bandwidth():
    rate, bandwidth, sizes, batch = 3e9, 2e9, (64, 64, 64, 10), 128
    shares = []

    def product_meter(product, seconds):
        shares.append(seconds)
        return lambda: product.flops / rate

    def traffic_meter(size, seconds):
        shares.append(seconds)
        return lambda: size / bandwidth

    found = floor.meter(sizes, batch, 0.7, product_meter, traffic_meter)()
    assert found.products == pytest.approx(floor.flops(sizes, batch) / rate)
    assert found.traffic == pytest.approx(floor.traffic(sizes, batch) / bandwidth)
    assert found.seconds == found.products + found.traffic
    assert sum(shares) == pytest.approx(0.7)


@pytest.mark.parametrize("kind", ["FORWARD", "WEIGHTS", "INPUTS"])
def test_each_product_is_measured_at_its_own_shape(kind, monkeypatch):
    shapes = []
    matmul = np.matmul
    monkeypatch.setattr(np, "matmul", lambda a, b, out: shapes.append((a.shape, b.shape)) or matmul(a, b, out=out))
    product = Product(kind, 5, 3, 2)
    assert floor.measured_product(product, 1e-4)() > 0
    (a, b), *others = set(shapes)
    assert not others
    assert 2 * a[0] * a[1] * b[1] == product.flops
    assert (a, b) == {"FORWARD": ((5, 3), (3, 2)), "WEIGHTS": ((2, 5), (5, 3)), "INPUTS": ((5, 2), (2, 3))}[kind]


def test_bytes_beyond_the_longest_array_cost_in_proportion(monkeypatch):
    monkeypatch.setattr(floor, "LONGEST", 400)
    monkeypatch.setattr(floor, "per_call", lambda step, seconds: step() is not None and (lambda: 2.0))
    assert floor.measured_traffic(1200, 1)() == 2.0
    assert floor.measured_traffic(3600, 1)() == 6.0


TINY = scaling.Plan(widths=(3, 4), depths=(2, 4), rounds=2, seconds=1e-4)


@pytest.fixture
def tiny(monkeypatch):
    """Networks that take no time, without PyTorch, whose threads spin beside a parallel test run, and compilation."""
    monkeypatch.setattr(scaling, "QUICK", TINY)
    monkeypatch.setattr(scaling, "WIDTH", 3)
    monkeypatch.setattr(
        scaling, "built", lambda builders: ({name: builders[name]() for name in ("minigrad", "numpy")}, {})
    )


@pytest.mark.slow
@pytest.mark.usefixtures("tiny")
def test_the_command_measures_prints_and_draws(tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="the picture needs it")
    picture, figures = tmp_path / "scaling.png", tmp_path / "scaling.json"
    assert scaling.main(["--quick", "--output", str(picture), "--json", str(figures)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    points = json.loads(figures.read_text(encoding="utf-8"))["points"]
    assert {(p["axis"], p["width"], p["depth"]) for p in points} == {
        ("width", 3, 3), ("width", 4, 3), ("depth", 3, 2), ("depth", 3, 4),
    }  # fmt: skip
    for p in points:
        assert set(p["seconds"]) == {"minigrad", "numpy"}
        assert min([*p["seconds"].values(), p["products"], p["traffic"]]) > 0
        assert p["flops"] == floor.flops((p["width"],) * p["depth"] + (10,), scaling.BATCH)
    printed = capsys.readouterr().out
    assert "by width, depth 3" in printed
    assert "by depth, width 3" in printed
    assert "floor µs" in printed


@pytest.mark.usefixtures("tiny")
def test_what_there_is_no_time_for_is_named(monkeypatch, capsys):
    monkeypatch.setattr(scaling, "QUICK", scaling.Plan(widths=(3,), depths=(2, 4), rounds=1, seconds=1e-4, limit=-1.0))
    assert scaling.main(["--quick"]) == 0
    printed = capsys.readouterr().out
    assert "left out, because the time was up: width 3, depth 2; width 3, depth 3; width 3, depth 4" in printed


def test_the_table_has_a_row_for_each_network_and_columns_for_who_took_part():
    whole = scaling.Point("width", 8, 3, 2_000, 300, {"minigrad": 3e-6, "torch": 5e-6}, 1e-6, 0.5e-6)
    title, header, row, *_ = scaling.as_text([whole], "width").splitlines()
    assert title.startswith("a training step by width")
    assert " ".join(header.split()) == "width minigrad µs torch µs floor µs products bytes GFLOP/s GB/s"
    assert row.split() == ["8", "3.0", "5.0", "1.5", "1.0", "0.5", "2.0", "0.6"]
