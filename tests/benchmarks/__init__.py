"""minigrad beside its peers on the same work: ``python -m tests.benchmarks --help``."""
