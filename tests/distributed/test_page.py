"""The script on the page about scaling out trains as it stands, here for one epoch."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("jax", reason="needs jax (pip install jax)")
pytest.importorskip("sklearn", reason="needs scikit-learn (pip install scikit-learn)")
pytestmark = pytest.mark.jax

ROOT = Path(__file__).parents[2]


def test_the_script_of_the_page_trains(tmp_path):
    page = (ROOT / "docs" / "scaling-out.md").read_text(encoding="utf-8")
    [script] = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert script.count("fit(loader, 30, ") == 1
    (tmp_path / "train.py").write_text(script.replace("fit(loader, 30, ", "fit(loader, 1, "), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "train.py"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("History(1 epoch")
    assert list((tmp_path / "run").glob("checkpoint-*.safetensors"))
