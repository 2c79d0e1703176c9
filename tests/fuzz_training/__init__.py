"""``python -m tests.fuzz_training``: a name for ``tests.compiler.fuzz_training``, which is where the fuzzer lies."""
