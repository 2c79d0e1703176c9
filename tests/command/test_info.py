"""``info``: what is installed."""

import numpy as np

import minigrad as mg
from minigrad.command import info, main


def test_versions_and_extras(capsys, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert main(["info"]) == 0
    printed = capsys.readouterr().out
    for text in (mg.__version__, np.__version__, "BLAS", "OMP_NUM_THREADS=3", "\nextras\n", "jit", "kernels"):
        assert text in printed


def test_extras_are_those_of_the_project_that_users_need():
    found = info.extras()
    assert {"jit", "plots", "special", "testing"} <= set(found)
    assert not {"test", "lint", "bench", "docs"} & set(found)
    assert found["testing"]["hypothesis"]


def test_without_llvmlite_there_is_no_cache(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(info.importlib, "import_module", missing)
    assert "llvmlite is not installed" in "".join(info.run(None))
