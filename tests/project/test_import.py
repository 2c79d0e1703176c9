"""``import minigrad``: what it loads, and what waits until it is asked for."""

import subprocess
import sys

WINGS = "array_api compat compiler data files sklearn testing train viz".split()
LATE = [*[f"minigrad.{wing}" for wing in WINGS], *["hashlib", "hypothesis", "matplotlib", "scipy"]]


def test_the_import_loads_no_wing():
    text = (
        "import sys, numpy\n"
        "import minigrad as mg\n"
        f"late = {LATE}\n"
        "assert not set(late) & set(sys.modules), set(late) & set(sys.modules)\n"
        "assert mg.compile(lambda x: x * 2)(mg.ones(2)).data.tolist() == [2, 2]\n"
        "assert 'minigrad.compiler' in sys.modules\n"
        "assert 'compile' in dir(mg)\n"
    )
    subprocess.run([sys.executable, "-c", text], check=True)
