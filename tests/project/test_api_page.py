"""docs/api.md lists what is public, and each ``__all__`` of the package says the same."""

import importlib
import pkgutil
from pathlib import Path

import pytest

import minigrad
from tests import api_page

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
#: Rooms inside the package whose ``__all__`` gathers what their files hand on.
ROOMS = {"minigrad.batching", "minigrad.compiler.passes", "minigrad.compiler.tracing.recording", "minigrad.kernels"}


def test_the_page_is_in_sync_with_the_source():
    assert PAGE.read_text() == api_page.page(), "write it anew: python -m tests.api_page docs/api.md"


@pytest.mark.parametrize("name", api_page.MODULES)
def test_a_public_module_lists_names_that_it_has(name):
    module = importlib.import_module(name)
    listed = module.__all__
    assert len(set(listed)) == len(listed) > 0
    assert not [one for one in listed if one.startswith("_")]
    assert not [one for one in listed if not hasattr(module, one)]


def test_no_other_module_lists_a_name_that_is_not_public():
    public = {}
    for name in api_page.MODULES:
        module = importlib.import_module(name)
        for one in module.__all__:
            public.setdefault(one, []).append(getattr(module, one))
    inside = {}
    for found in pkgutil.walk_packages(minigrad.__path__, "minigrad."):
        if found.name in api_page.MODULES or found.name in ROOMS or found.name.startswith(api_page.OTHERS):
            continue
        try:
            module = importlib.import_module(found.name)
        except ImportError:  # a backend of which the library is not installed
            continue
        listed = getattr(module, "__all__", ())
        hidden = [one for one in listed if not any(getattr(module, one) is it for it in public.get(one, ()))]
        if hidden:
            inside[found.name] = hidden
    assert inside == {}


@pytest.mark.parametrize("name", ["keep", "unsort_by", "put_diagonal", "contract", "run_cumsum"])
def test_what_formulas_alone_call_is_not_at_the_top(name):
    with pytest.raises(AttributeError):
        getattr(minigrad, name)
    assert name not in dir(minigrad)
    assert name in api_page.formulas_alone()
