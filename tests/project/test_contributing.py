"""CONTRIBUTING.md: the first recipe is followed in a copy, and the files that it and .ci/run name are there."""

import json
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text()
BLOCK = re.compile(r"^ *`(minigrad/\S+)`\n\n( *)```python\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def section(title):
    return re.split(r"^#{2,3} ", PAGE.split(f"### {title}\n")[1], flags=re.MULTILINE)[0]


CHECK = """
import json
import numpy as np
import minigrad as mg
from minigrad import nn
from minigrad.testing import check_primitive
x = mg.tensor([-1.0, 0.0, 2.0], requires_grad=True)
layer = nn.BentIdentity()
layer(x).sum().backward()
step = mg.compile(lambda x: layer(x).sum(), backend="numpy")
values = [float(step(mg.tensor([-1.0, 0.0, 2.0]))) for _ in range(3)]
certificate = check_primitive(mg.bent_identity, examples=10)
print(json.dumps([repr(layer), x.grad.tolist(), values, certificate.methods, mg.__file__]))
"""


def test_an_operation_and_its_layer_are_two_statements_in_two_files(tmp_path):
    blocks = BLOCK.findall(section("An operation and its layer"))
    assert [file for file, _, _ in blocks] == ["minigrad/ops/activations.py", "minigrad/nn/activations.py"]
    shutil.copytree(ROOT / "minigrad", tmp_path / "minigrad", ignore=shutil.ignore_patterns("__pycache__"))
    for (file, _, code), name in zip(blocks, ["bent_identity", "BentIdentity"], strict=True):
        text = (tmp_path / file).read_text()
        listed = re.sub(r"^__all__ = \[", f'__all__ = ["{name}", ', text, count=1, flags=re.MULTILINE)
        assert listed != text
        (tmp_path / file).write_text(f"{listed}\n\n{textwrap.dedent(code)}")
    done = subprocess.run([sys.executable, "-c", CHECK], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shown, slopes, values, methods, where = json.loads(done.stdout)
    assert shown == "BentIdentity()"
    assert slopes == pytest.approx([1 - 0.5 / 2**0.5, 1, 1 + 1 / 5**0.5], rel=1e-6)
    assert values == pytest.approx([1 + (2**0.5 + 1 + 5**0.5 - 3) / 2] * 3, rel=1e-6)
    assert methods == ["complex step", "complex step"]
    assert Path(where).is_relative_to(tmp_path)


def test_files_that_are_named_are_there():
    named = set(re.findall(r"(?:minigrad|tests|docs|\.ci|\.github)/[\w./-]*\w/?|\.pre-commit-config\.yaml", PAGE))
    assert len(named) > 30
    assert sorted(name for name in named if not (ROOT / name).exists()) == []
    modules = set(re.findall(r"python -m (tests\.\w+)", PAGE))
    assert sorted(name for name in modules if not (ROOT / f"{name.replace('.', '/')}.py").exists()) == []


def test_files_that_ci_leaves_out_or_picks_are_there():
    text = (ROOT / ".ci" / "run").read_text()
    ignored = re.findall(r"--ignore(?:-glob)?='?([\w./*\[\]!]+)'?[ )\n]", text)
    assert len(ignored) > 8
    assert [pattern for pattern in ignored if not list(ROOT.glob(pattern))] == []
    picked = re.search(r"(tests/core/test_\{.*?)\ndone", text, re.DOTALL)[1].replace("\\\n", " ")
    found = subprocess.run(
        [shutil.which("bash"), "-c", f"ls -d {picked}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr


def test_the_hosted_workflow_runs_what_runs_here():
    assert "- run: .ci/run\n" in (ROOT / ".github" / "workflows" / "ci.yml").read_text()


def test_pre_commit_has_the_linters_of_ci():
    ci = re.findall(r"^\.venv/bin/(\S+(?: check| format)?)", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    hooks = re.findall(r"entry: \.venv/bin/(.*)", (ROOT / ".pre-commit-config.yaml").read_text())
    assert sorted(hooks) == sorted({word.strip() for word in ci if not word.startswith("python")})


def test_the_readme_says_how_large_the_core_and_the_calculus_are():
    text = " ".join((ROOT / "README.md").read_text().split())
    said = re.search(r"a core of ([\d,]+) lines and a calculus of ([\d,]+)", text)
    for figure, room in zip(said.groups(), ["core", "ops"], strict=True):
        lines = sum(len(file.read_text().splitlines()) for file in (ROOT / "minigrad" / room).rglob("*.py"))
        assert int(figure.replace(",", "")) == pytest.approx(lines, rel=0.05), f"minigrad/{room} has {lines} lines"
