"""Kernels of these tests are kept in a folder of each file's own."""

import os

import pytest


@pytest.fixture(autouse=True, scope="module")
def _folder(tmp_path_factory):
    """Kernels are kept in a folder of the test's own."""
    before = os.environ.get("MINIGRAD_CACHE")
    os.environ["MINIGRAD_CACHE"] = str(tmp_path_factory.mktemp("kernels"))
    yield
    del os.environ["MINIGRAD_CACHE"]
    if before is not None:
        os.environ["MINIGRAD_CACHE"] = before
