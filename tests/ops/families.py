"""The rows of a file of formulas, and the test of them that the test file of its name takes."""

from collections.abc import Callable
from types import ModuleType

import pytest
from hypothesis import settings

from minigrad.core.table import ops
from tests.operations_page import names_in
from tests.samples import check

#: Draws for each of 500 rows. Its corners come to them whatever is drawn, and every run draws others.
EXAMPLES = settings().max_examples * 2 // 5


def properties_of(module: ModuleType) -> Callable[[str], None]:
    """A test of each row that ``module`` defines: values, gradients of two orders, dtypes, layouts, ownership."""

    @pytest.mark.parametrize("name", names_in(module))
    def test_properties(name: str) -> None:
        check(ops[name], EXAMPLES)

    return test_properties
