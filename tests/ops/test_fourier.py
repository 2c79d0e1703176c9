"""Every row of minigrad/ops/fourier.py has the properties that a row must have."""

from minigrad.ops import fourier
from tests.ops.families import properties_of

test_properties = properties_of(fourier)
