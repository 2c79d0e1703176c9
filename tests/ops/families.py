"""The rows of a file of formulas, and the test of them that the test file of its name takes."""

from collections.abc import Callable
from types import ModuleType

import pytest

from minigrad.core.table import ops
from tests.operations_page import names_in
from tests.samples import check


def properties_of(module: ModuleType) -> Callable[[str], None]:
    """A test of each row that ``module`` defines: values, gradients of two orders, dtypes, layouts, ownership."""

    @pytest.mark.parametrize("name", names_in(module))
    def test_properties(name: str) -> None:
        check(ops[name])

    return test_properties
