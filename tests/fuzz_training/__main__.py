"""``python -m tests.fuzz_training --runs 2000``: the fuzzer of compiled training, ``tests.compiler.fuzz_training``."""

from tests.compiler.fuzz_training import main

if __name__ == "__main__":
    main()
