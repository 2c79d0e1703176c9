"""The README's code runs, and prints what stands below it."""

import ast
import contextlib
import importlib
import io
import re
import shlex
import sys
import tomllib
from pathlib import Path

import pytest

from minigrad.data import read_csv

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", README, re.DOTALL)


def test_there_are_blocks():
    assert len(BLOCKS) == 5


@pytest.mark.parametrize(("code", "output"), BLOCKS, ids=["model", "own op", "every order", "compiled", "training"])
def test_readme_code_prints_what_it_shows(code, output):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "<readme>", "exec"), {"__name__": "readme"})
    assert printed.getvalue() == output


def test_the_block_that_fills_cells_with_pandas_makes_a_file_that_can_be_read(tmp_path, monkeypatch):
    pytest.importorskip("pandas", reason="needs pandas (pip install pandas)")
    monkeypatch.chdir(tmp_path)
    Path("penguins.csv").write_text("species,bill\nAdelie,39\nGentoo,\nGentoo,47\n")
    page = (ROOT / "docs" / "own-csv.md").read_text()
    [code] = [
        block
        for block in re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
        if "import pandas" in block
    ]
    exec(compile(code, "<own-csv>", "exec"), {})
    assert read_csv("filled.csv", target="species").X.ravel().tolist() == [39, 43, 47]


def test_the_two_commands_come_first_and_need_nothing_set_up():
    first, second = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)[:2]
    for command, last in (
        (first, [".venv/bin/python", "examples/spiral.py"]),
        (second, [".venv/bin/python", "-m", "pytest", "-n", "2", "-m", "not slow"]),
    ):
        words = shlex.split(command)
        assert words[:4] == ["python3", "-m", "venv", ".venv"]
        assert words[-len(last) :] == last


PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
    missing = [link for link in links if not link.startswith("http") and not (page.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_prose_is_wrapped_below_120_columns(page):
    """Rows of tables, headings and blocks of code are as long as they must be."""
    prose = re.sub(r"^ *```.*?^ *```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    assert not [line for line in prose.split("\n") if len(line) >= 120 and not line.startswith(("|", "#"))]


EVERY_TEXT = sorted(
    path
    for folder in (ROOT, ROOT / "docs", ROOT / "examples", ROOT / "minigrad", ROOT / "tests")
    for path in (folder.glob("*.md") if folder == ROOT else folder.rglob("*"))
    if path.suffix in {".md", ".py", ".toml", ".txt"} and path != Path(__file__)
)
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def test_nobody_is_sent_to_another_project_of_this_name():
    """On the public index the name minigrad is another project: this one is installed from a checkout."""
    wrong = re.compile(r"minigrad\\?\[[a-z]|install (-\S+ )*['\"]?minigrad\b")
    assert len(EVERY_TEXT) > 300
    found = [
        f"{path.name}: {line}" for path in EVERY_TEXT for line in path.read_text().split("\n") if wrong.search(line)
    ]
    assert not found


def test_every_extra_that_is_named_is_there():
    named = {
        extra
        for path in EVERY_TEXT
        for listed in re.findall(r"pip install[^\n]*'\.\[([\w,]+)\]'", path.read_text())
        for extra in listed.split(",")
    }
    assert {"examples", "test"} <= named <= set(EXTRAS)


def test_the_examples_extra_holds_what_they_import():
    names = {"sklearn": "scikit-learn", "PIL": "pillow"}
    scripts = list((ROOT / "examples").glob("*.py"))
    own = {script.stem for script in scripts} | {"minigrad", *sys.stdlib_module_names}
    imported = set()
    for script in scripts:
        for node in ast.walk(ast.parse(script.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module)
    needed = {names.get(name, name) for name in (module.split(".")[0] for module in imported) if name not in own}
    held = {re.match(r"[\w-]+", requirement)[0] for requirement in EXTRAS["examples"]}
    assert needed == held | {"numpy"}


def test_every_example_has_a_page_and_is_linked():
    scripts = {path.stem for path in (ROOT / "examples").glob("*.py") if "__main__" in path.read_text()}
    pages = {path.stem for path in (ROOT / "docs" / "examples").glob("*.md")}
    assert pages == scripts
    assert {page for page in pages if f"(docs/examples/{page}.md)" in README} == pages


def test_every_page_is_reached_from_the_readme():
    reached, ahead = set(), [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        if page not in reached:
            reached.add(page)
            links = re.findall(r"\]\(([^)#:]+\.md)[^)]*\)", page.read_text())
            ahead += [(page.parent / link).resolve() for link in links]
    assert reached == {*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")}


# -- claims -----------------------------------------------------------------------------------------

PERFORMANCE = (ROOT / "docs" / "performance.md").read_text()
#: A column of the README's table: the name of the competitor on the page.
COMPETITORS = {
    "minigrad": "minigrad", "compiled, NumPy": "numpy", "compiled, native": "native", "hand-wired NumPy": "notebook",
    "PyTorch": "torch", "PyTorch, fused Adam": "torch-fused", "`jax.jit`": "jax", "MyGrad": "mygrad",
}  # fmt: skip
#: How a row begins: the workload on the page, and how many microseconds its unit has.
WORKLOADS = {
    "training step of the spiral": ("spiral", 1), "of a transformer": ("tfm", 1000), "of a GRU": ("gru", 1000),
    "of LeNet-5": ("lenet", 1000), "of a 784": ("mlp", 1000), "a chain on a million": ("elem", 1000),
    "a multiplication of scalars": ("chain", 1),
}  # fmt: skip


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def measured(workload, subject="minigrad"):
    """{competitor: (its median in microseconds, the subject's time as a share of it)} of a table of the page."""
    section = PERFORMANCE.split(f"\n**{workload}: ")[1].split("\n**")[0]
    rows = [cells(line) for line in section.splitlines() if line.startswith("|")]
    share = rows[0].index(f"{subject} / it")
    return {row[0]: (float(row[1].replace(",", "")), row[share]) for row in rows[2:]}


def test_the_times_in_the_readme_are_those_of_the_page():
    lines = [line for line in README.splitlines() if line.startswith("|")]
    columns = cells(lines[0])[1:]
    assert columns == list(COMPETITORS)
    compared = 0
    for line in lines[2:]:
        workload, unit = next(found for start, found in WORKLOADS.items() if cells(line)[0].startswith(start))
        page = measured(workload)
        for column, text in zip(columns, cells(line)[1:], strict=True):
            name = COMPETITORS[column]
            if not text:
                assert name not in page or name in {"autograd", "notebook"}, f"{workload} was measured with {name}"
                continue
            digits = len(text.partition(".")[2])
            assert abs(page[name][0] / unit - float(text)) <= 0.5000001 * 10**-digits, (workload, name)
            compared += 1
    assert len(lines) - 2 == len(WORKLOADS)
    assert compared > 30


def test_the_shares_in_the_readme_are_those_of_the_page():
    first = " ".join(README.split())

    def shares(subject):
        page = measured("spiral", subject)
        return (f"{float(page[name][1]):.2f}" for name in ("notebook", "torch", "torch-fused"))

    notebook, torch, fused = shares("minigrad")
    assert f"takes {notebook} of the time of the hand-wired NumPy code" in first
    assert f"and {torch} of PyTorch's ({fused} with its fused Adam)" in first
    notebook, torch, fused = shares("native")
    assert f"takes {notebook} of the hand-wired code's time, and {torch} of PyTorch's ({fused})" in first


def test_counts_and_the_time_of_the_import():
    """More than 300 functions have a certificate; the share of the import is the page's."""
    page = (ROOT / "docs" / "operations.md").read_text()
    assert "each of more than 300 functions is tested against its values" in " ".join(README.split())
    assert len(re.findall(r"^- certified: \d+ examples", page, re.MULTILINE)) > 300
    shares = re.findall(r"^\| numpy \| \S+ \| \S+ \| ([\d.]+) \|", PERFORMANCE.split("\n**import: ")[1], re.MULTILINE)
    assert f"`import minigrad` takes {float(shares[0]):.1f} times as long as `import numpy`" in " ".join(README.split())


def test_what_the_page_of_the_spiral_says_is_what_the_example_shows(monkeypatch):
    """The quartiles of the notebook's code, by the command that the page names."""
    monkeypatch.syspath_prepend(ROOT / "examples")
    spiral = importlib.import_module("spiral")
    page = (ROOT / "docs" / "examples" / "spiral.md").read_text()
    table = page.split("by `python -m tests.benchmarks.nine_runs`")[1].split("\nminigrad, ")[0]
    rows = {cells(line)[0]: cells(line)[1:] for line in table.splitlines() if line.startswith("| ")}
    for run in spiral.RUNS:
        accuracy, loss = rows[run.name][:2]
        for text, (low, high) in ((accuracy, run.accuracy), (loss, run.loss)):
            _, quartiles, _ = text.split(", ")
            assert quartiles.split(" / ")[::2] == [f"{low:.3f}", f"{high:.3f}"]
