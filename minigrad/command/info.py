"""``info``: versions, BLAS, threads, which extras are found, and the cache of kernels."""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import os
import platform
import re
import sys
from collections.abc import Iterator

import numpy as np

import minigrad

NAME = "info"

#: What decides how many threads BLAS has.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def arguments(parser: argparse.ArgumentParser) -> None:
    """It has none."""


def run(chosen: argparse.Namespace) -> Iterator[str]:  # noqa: ARG001 - as every command
    """The lines, one fact each."""
    yield from (f"{name:10} {fact}\n" for name, fact in facts().items())
    yield "\nextras\n"
    for extra, needs in extras().items():
        have = [f"{name} {version or '(missing)'}" for name, version in needs.items()]
        yield f"  {extra:10} {'found' if all(needs.values()) else 'not all'}: {', '.join(have)}\n"
    yield f"\n{'kernels':10} {_cache()}\n"


def facts() -> dict[str, str]:
    """What results and times depend on: versions, BLAS, cores, threads, the machine."""
    threads = ", ".join(f"{name}={os.environ[name]}" for name in _THREADS if name in os.environ)
    return {
        "minigrad": f"{minigrad.__version__}, {os.path.dirname(minigrad.__file__)}",
        "Python": f"{platform.python_version()}, {sys.executable}",
        "NumPy": np.__version__,
        "BLAS": _blas(),
        "cores": str(cores()),
        "threads": threads or f"as many as BLAS likes: none of {', '.join(_THREADS)} is set",
        "machine": ", ".join(filter(None, [f"{platform.system()} {platform.machine()}", _processor()])),
        "dtype": f"{minigrad.get_default_dtype()} by default",
    }


def extras() -> dict[str, dict[str, str | None]]:
    """{extra: {distribution: its version, or None where it is not installed}}, for the extras that users need."""
    versions: dict[str, dict[str, str | None]] = {}
    try:
        required = importlib.metadata.requires("minigrad") or []
    except importlib.metadata.PackageNotFoundError:
        return versions
    for line in required:
        name = re.match(r"[\w.-]+", line)
        extra = re.search(r"""extra == ['"]([\w-]+)['"]""", line)
        if name and extra and name[0] != "minigrad" and extra[1] not in {"test", "lint", "bench", "docs"}:
            versions.setdefault(extra[1], {})[name[0]] = _version(name[0])
    return versions


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _blas() -> str:
    """The library that NumPy multiplies matrices with."""
    blas = np.show_config(mode="dicts").get("Build Dependencies", {}).get("blas", {})
    return f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip()


def _processor() -> str:
    """The name of the processor, where the system says it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            match = re.search(r"^model name\s*: (.+)$", file.read(), re.MULTILINE)
    except OSError:
        return platform.processor()
    return match[1] if match else platform.processor()


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cache() -> str:
    """Where the machine code of compiled steps is kept, and how much there is."""
    try:
        cache = importlib.import_module("minigrad.compiler.backends.cache")
    except ImportError:
        return "none: llvmlite is not installed, so compiled steps are NumPy's"
    folder, reason = cache.folder()
    if folder is None:
        return f"not kept: {reason}"
    files = [file for file in folder.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files)
    return f"{len(files)} files, {size / 1e6:.1f} MB in {folder} (MINIGRAD_CACHE chooses another folder)"
