"""Marks of tests, and state that no test may leave behind."""

import gc
import sys
import zlib

import numpy as np
import pytest

import minigrad as mg
from minigrad.core.context import is_recording

#: What a marker of the same name says that a test needs.
EXTRAS = {"native", "jax", "torch"}


def pytest_collection_modifyitems(items):
    """Mark what needs an extra where no line in its file does: a case by its ``backend``, and all of tests/torch."""
    for item in items:
        needs = {item.callspec.params.get("backend")} & EXTRAS if hasattr(item, "callspec") else set()
        if "torch" in item.path.relative_to(item.config.rootpath).parts[:2]:
            needs.add("torch")
        for name in sorted(needs):
            item.add_marker(name)


class _Garbage:
    """Garbage collections leave out what collecting made, and what tests import: most of what each would look at."""

    modules = 0

    def pytest_collection_finish(self):
        self._freeze()

    def pytest_runtest_logfinish(self):
        if len(sys.modules) > self.modules + 50:
            self._freeze()

    def _freeze(self):
        self.modules = len(sys.modules)
        gc.collect()
        gc.freeze()


class _Tracing:
    """Coverage follows tests and fixtures. pytest's own work around each would take twice its time under a tracer."""

    tracer = None

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self):
        """Leave out the process that hands out tests to others: it runs none."""
        sys.settrace(None)

    def pytest_collection_finish(self):
        self.tracer = sys.gettrace()
        sys.settrace(None)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self):
        return (yield from self._traced())

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_fixture_setup(self):
        return (yield from self._traced())

    def pytest_sessionfinish(self):
        sys.settrace(self.tracer)

    def _traced(self):
        before = sys.gettrace()
        sys.settrace(self.tracer)
        try:
            return (yield)
        finally:
            sys.settrace(before)


class _Generators:
    """Generators of test files begin anew in each test: what it draws does not depend on the tests before it."""

    def pytest_collection_finish(self):
        self.of_file, self.of_helpers = {}, []
        for name, module in list(sys.modules.items()):  # a thread may be importing
            if name.startswith("tests."):
                generators = [x for x in vars(module).values() if isinstance(x, np.random.Generator)]
                states = [(x, x.bit_generator.state) for x in generators]
                if name.rpartition(".")[2].startswith("test_"):
                    self.of_file[name] = states
                else:
                    self.of_helpers += states

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item):
        own = item.getparent(pytest.Module)
        module = own and own.obj  # a page of docs/ has none
        states = self.of_file.get(module.__name__, ()) if module else ()
        for generator, state in (*states, *self.of_helpers):
            generator.bit_generator.state = state


def pytest_configure(config):
    config.pluginmanager.register(_Garbage())
    config.pluginmanager.register(_Generators())
    config.pluginmanager.register(_Tracing())


@pytest.fixture(autouse=True)
def _own_numbers(request):
    """Each test draws what it always draws, whatever runs before it: a failure can be seen again."""
    mg.manual_seed(zlib.crc32(request.node.nodeid.encode()))


@pytest.fixture(autouse=True)
def _no_leaks():
    """Fail a test that leaves recording off, another default dtype, or NumPy's errors ignored."""
    before = np.geterr()
    yield
    assert is_recording()
    assert mg.get_default_dtype() == np.float32
    assert np.geterr() == before
