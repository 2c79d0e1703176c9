"""Machine code: LLVM's text becomes an object file for this processor, and an object file becomes functions.

Functions are called through ``ctypes``, which lets the interpreter's lock go. An array is passed as its object, in
which its address stands right after the header that all objects have; ``ctypes`` keeps the object for the call.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

import llvmlite
import llvmlite.binding as llvm
import numpy as np

from minigrad.compiler.backends.kernel_kinds import KINDS
from minigrad.compiler.backends.kernel_module import HEADER
from minigrad.compiler.backends.kernel_values import Argument
from minigrad.errors import CompileError

#: The name of a kernel in its object file. With ``_t`` it is the entry that takes a table.
SYMBOL = "kernel"

_PASSED: dict[str, Any] = {"f": ctypes.c_double, "b": ctypes.c_bool}


class _Target(NamedTuple):
    """The processor, and what links object files into this process."""

    machine: Any
    linker: Any
    described: str


class Code(NamedTuple):
    """A kernel that can run: called with its arguments, or by other machine code at ``address`` with a table."""

    function: Any
    address: int  # good for as long as somebody holds the function


class Runner(NamedTuple):
    """The functions of ``segment_code.TEXT``: two that Python calls, and two kernels."""

    segment: Any
    loop: Any
    move: Code
    check: Code


@functools.cache
def _target() -> _Target:
    """This machine, with all that its processor can do."""
    probe = np.empty(1)
    if ctypes.c_void_p.from_address(id(probe) + HEADER).value != probe.ctypes.data:  # pragma: no cover - CPython's
        raise CompileError(
            'mg.compile: backend="native" needs CPython, whose arrays hold their address after the header of the '
            'object: write backend="numpy"'
        )
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    cpu, features = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=cpu, features=features, opt=3, reloc="pic", codemodel="small", jit=True
    )
    return _Target(machine, llvm.create_lljit_compiler(machine), f"{machine.triple} {cpu} {features}")


def features() -> frozenset[str]:
    """What this processor can do, by LLVM's names: "avx2", "avx512f", "neon"."""
    return frozenset([name for name, is_there in llvm.get_host_cpu_features().items() if is_there])


def described() -> str:
    """All that machine code depends on beside the text that it is made of."""
    return f"{llvmlite.__version__} {llvm.llvm_version_info} {_target().described} {HEADER}"


def optimised(text: str, unrolls: bool = True) -> Any:
    """LLVM's module for its text, after all passes; ``unrolls`` says that there are loops to write out."""
    machine = _target().machine
    module = llvm.parse_assembly(text)
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = options.slp_vectorization = True
    options.loop_unrolling = unrolls
    passes = llvm.create_pass_builder(machine, options)
    passes.getModulePassManager().run(module, passes)
    return module


def compiled(text: str, unrolls: bool = True) -> bytes:
    """The object file of LLVM's text."""
    code: bytes = _target().machine.emit_object(optimised(text, unrolls))
    return code


def loaded(content: bytes, arguments: Sequence[Argument], may_fail: bool) -> Code:
    """The kernel of an object file; ``may_fail`` says that it asks for memory."""
    library = _linked(content, SYMBOL, f"{SYMBOL}_t")
    types = [ctypes.c_int64] * 4 + [ctypes.py_object if x.is_array else _passed(x) for x in arguments[4:]]
    function: Any = ctypes.CFUNCTYPE(ctypes.c_int if may_fail else None, *types)(library[SYMBOL])
    if may_fail:
        function.restype = _checked
    function.library = library  # whoever holds the function holds its code
    return Code(function, library[f"{SYMBOL}_t"])


def runner(content: bytes) -> Runner:
    """What runs segments, of its object file.

    ``segment`` takes the segment's address and a tuple of arrays, ``loop`` the addresses of a plan and of the count of
    whole steps, and how many there are to be.
    """
    library = _linked(content, *Runner._fields)
    segment: Any = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.py_object)(library["segment"])
    loop: Any = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p)(library["loop"])
    segment.restype, segment.library = _checked, library
    return Runner(segment, loop, Code(None, library["move"]), Code(None, library["check"]))


def _linked(content: bytes, *symbols: str) -> Any:
    builder = llvm.JITLibraryBuilder().add_object_img(content).add_current_process()
    for name, address in _memory().items():
        builder.import_symbol(name, address)
    for name in symbols:
        builder.export_symbol(name)
    return builder.link(_target().linker, f"kernel {next(_numbers)}")


def argument_of(x: Any) -> Argument:
    """What an argument of a kernel is: an array, or a number."""
    if isinstance(x, np.ndarray):
        return Argument(KINDS[x.dtype.name], True)
    name = x.dtype.name if isinstance(x, np.generic) else "bool" if isinstance(x, bool) else ""
    return Argument(KINDS[name or ("int64" if isinstance(x, int) else "float64")], False)


class _Whole:
    """Whole numbers of NumPy's too, as an argument of a function."""

    @staticmethod
    def from_param(x: Any) -> Any:
        """The number as C's."""
        return ctypes.c_int64(operator.index(x))


def _passed(number: Argument) -> Any:
    kind = number.kind
    return ctypes.c_float if kind.ir == "float" else _Whole if kind.family in "iu" else _PASSED[kind.family]


def _checked(code: int) -> int:
    if code == 1:
        raise MemoryError("mg.compile: no memory for a kernel's own arrays")
    return code


@functools.cache
def _memory() -> dict[str, int]:
    """The addresses of Python's own functions for memory, which need no lock."""
    names = {"minigrad_malloc": "PyMem_RawMalloc", "minigrad_free": "PyMem_RawFree"}
    addresses = [
        (name, ctypes.cast(getattr(ctypes.pythonapi, own), ctypes.c_void_p).value) for name, own in names.items()
    ]
    return {name: address for name, address in addresses if address is not None}


_numbers = itertools.count()
