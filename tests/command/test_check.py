"""``check``: gradients of functions that a user names."""

import pytest

import minigrad as mg
from minigrad.command import main


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "losses_of_mine.py").write_text(
        "import minigrad as mg\n"
        "def right(x, y, scale=2.0):\n    return (scale * x * y).sum()\n"
        "cube = mg.primitive(lambda x: x**3, lambda g, x: 2 * g * x**2, name='cube_of_mine')\n"
        "def wrong(x):\n    return cube(x).sum()\n"
        "def broken(x):\n    return {}['key']\n"
        "class Group:\n    @staticmethod\n    def inner(x):\n        return mg.exp(x)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    mg.table.ops.pop("cube_of_mine", None)


@pytest.mark.usefixtures("folder")
def test_a_function_that_is_right(capsys):
    assert main(["check", "losses_of_mine:right", "--order", "1"]) == 0
    assert "gradients agree (order 1: " in (printed := capsys.readouterr().out)
    assert "shapes (3,), (3,)" in printed
    assert main(["check", "losses_of_mine:Group.inner", "--shape", "2,2", "--seed", "3"]) == 0
    assert "shapes (2, 2)" in capsys.readouterr().out


@pytest.mark.usefixtures("folder")
def test_a_formula_that_is_wrong(capsys):
    assert main(["check", "losses_of_mine:wrong"]) == 1
    assert "wrong formula" in capsys.readouterr().err


def test_a_number_is_a_shape_too(capsys):
    assert main(["check", "minigrad:exp", "--shape", "()"]) == 0
    assert "shapes ()" in capsys.readouterr().out


@pytest.mark.usefixtures("folder")
def test_what_the_function_itself_raises_keeps_its_traceback():
    with pytest.raises(RuntimeError, match=r"losses_of_mine:broken failed at inputs of shapes \(3,\)") as failed:
        main(["check", "losses_of_mine:broken"])
    assert isinstance(failed.value.__cause__, KeyError)


def test_a_function_of_c_may_take_any_number():
    with pytest.raises(RuntimeError, match="builtins:getattr failed at inputs"):
        main(["check", "builtins:getattr"])
