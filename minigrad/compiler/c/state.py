"""What a program keeps from run to run, as a struct of arrays in C, and as a file that its members follow in."""

from __future__ import annotations

import ctypes
import hashlib
import itertools
import zlib
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.array_utils import byte_bounds

from minigrad.compiler.arena import address_of
from minigrad.compiler.backends.kernel_kinds import I8
from minigrad.compiler.c import layout
from minigrad.compiler.c.kernels import Kernels
from minigrad.compiler.c.kinds import kind_of, stored
from minigrad.compiler.c.places import Block
from minigrad.compiler.passes.functional import overlapping
from minigrad.compiler.program import Value
from minigrad.errors import CompileError

_MAGIC = b"minigrad"


class Part(NamedTuple):
    """A named array in a member: where it begins, and its shape."""

    name: str
    start: int
    shape: tuple[int, ...]


class Member(NamedTuple):
    """An array of the struct."""

    name: str
    block: Block
    parts: list[Part]
    content: np.ndarray


class State:
    """The struct of a program's state."""

    def __init__(self, kernels: Kernels, prefix: str) -> None:
        self.members: list[Member] = []
        self.prefix = prefix
        self._kernels = kernels

    def add(self, name: str, kind: Any, content: np.ndarray, parts: list[Part] | None = None) -> Block:
        """One more array, with what it holds now."""
        member = self._kernels.free(name)
        block = Block(kind, content.size, f"state->{member}")
        self.members.append(Member(member, block, parts or [Part(name, 0, content.shape)], content.reshape(-1)))
        return block

    def add_captured(self, values: list[Value], optimizers: dict[str, Any]) -> dict[Value, tuple[Block, np.ndarray]]:
        """The arrays of values, those that share memory as one: of each its block, and the array that the block is."""
        placed: dict[Value, tuple[Block, np.ndarray]] = {}
        names = _names_of(optimizers)
        for group in overlapping(values):
            dtype = group[0].origin.dtype
            if any(value.origin.dtype != dtype for value in group):
                shown = ", ".join(value.name or "an array" for value in group)
                raise CompileError(f"export: {shown} share memory as numbers of different types: give each its own")
            whole = span_of([value.origin for value in group])
            low, high = byte_bounds(whole)
            parts = []
            for value in group:
                start = (address_of(value.origin) - low) // dtype.itemsize
                parts.append(Part(value.name or "constant", start, value.origin.shape))
            inside = [(name, array) for name, array in names if low <= address_of(array) < high and array.size]
            parts = [Part(name, (address_of(a) - low) // dtype.itemsize, a.shape) for name, a in inside] or parts
            main = max(group, key=lambda value: value.origin.size)
            block = self.add(main.name or "constant", kind_of(dtype), whole, list(dict.fromkeys(parts)))
            placed |= dict.fromkeys(group, (block, whole))
        return placed

    # -- text ---------------------------------------------------------------------------------

    def ordered(self) -> list[Member]:
        """The members, the widest numbers first: so there is no gap."""
        return sorted(self.members, key=lambda member: -member.block.kind.bits)

    def struct(self) -> str:
        """The declaration."""
        lines = []
        for member in self.ordered():
            shown = [
                f"{p.name} ({', '.join(map(str, p.shape))})" + (f" from {p.start}" if p.start else "")
                for p in member.parts
            ]
            told = ", ".join(shown[:40]) + ", ..." * (len(shown) > 40)
            size = max(member.block.size, 1)
            lines.append(f"    {stored(member.block.kind)} {member.name}[{size}];")
            lines += [f"        {line}" for line in layout.comment(told)]
        body = "\n".join(lines or ["    char nothing;"])
        return f"typedef struct {self.prefix}_state {{\n{body}\n}} {self.prefix}_state;"

    @property
    def size(self) -> int:
        """The bytes of the file."""
        return 24 + sum(member.block.nbytes for member in self.ordered())

    def digest(self) -> bytes:
        """Eight bytes that tell this layout from others."""
        text = " ".join(f"{m.name} {m.block.kind.name} {m.block.size} {m.parts}" for m in self.ordered())
        return hashlib.sha256(text.encode()).digest()[:8]

    def image(self) -> bytes:
        """The file: its kind, the layout, the members, and a checksum of these."""
        parts = [_MAGIC, self.digest()]
        arrays = [member.content for member in self.ordered()]
        parts += [array.astype(array.dtype.newbyteorder("<")).tobytes() for array in arrays]
        body = b"".join(parts)
        return body + zlib.crc32(body).to_bytes(8, "little")

    def functions(self) -> str:
        """The functions that read and write the file's bytes."""
        p, members = self.prefix, self.ordered()
        magic = ", ".join(f"0x{byte:02x}" for byte in _MAGIC + self.digest())
        copies = {True: "", False: ""}
        for reads in copies:
            for member in members:
                pair = (f"state->{member.name}", "bytes")
                to, source = pair if reads else pair[::-1]
                copies[reads] += (
                    f"    memcpy({to}, {source}, {member.block.nbytes});\n    bytes += {member.block.nbytes};\n"
                )
        unused = "" if members else "    (void)state;\n"
        return _FUNCTIONS.format(
            p=p,
            magic=magic,
            size=self.size,
            body=self.size - 8,
            unused=unused,
            reads=copies[True],
            writes=copies[False],
        )


#: The functions that read and write the file's bytes; what stands in braces is of the state.
_FUNCTIONS = """static const unsigned char {p}_layout[16] = {{
    {magic}
}};

/* CRC-32, as zlib's. */
static uint32_t checksum(const unsigned char *bytes, size_t size)
{{
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < size; i++) {{
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) crc = crc & 1u ? (crc >> 1) ^ 0xedb88320u : crc >> 1;
    }}
    return ~crc;
}}

size_t {p}_image_size(void) {{ return {size}; }}

int {p}_init({p}_state *state, const void *image, size_t size)
{{
    const unsigned char *bytes = image;
    const uint16_t one = 1;
    uint32_t crc;
    if (size != {size} || memcmp(bytes, {p}_layout, 16) || !*(const unsigned char *)&one) return -1;
    crc = checksum(bytes, {body});
    for (int i = 0; i < 8; i++) {{
        if (bytes[{body} + i] != (i < 4 ? (crc >> (8 * i)) & 255u : 0u)) return -1;
    }}
    bytes += 16;
{unused}{reads}    return 0;
}}

void {p}_save(const {p}_state *state, void *image)
{{
    unsigned char *bytes = image;
    uint32_t crc;
    memcpy(bytes, {p}_layout, 16);
    bytes += 16;
{unused}{writes}    crc = checksum(image, {body});
    for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)(i < 4 ? (crc >> (8 * i)) & 255u : 0u);
}}"""


def span_of(arrays: list[np.ndarray]) -> np.ndarray:
    """The memory from the first element of all to the last, as an array of one axis."""
    low, high = min(byte_bounds(x)[0] for x in arrays), max(byte_bounds(x)[1] for x in arrays)
    memory: Any = (ctypes.c_char * (high - low)).from_address(low)
    return np.ndarray((high - low) // arrays[0].itemsize, arrays[0].dtype, memory)


def iterations(state: State, name: str, optimizer: Any) -> Block:
    """The member that counts an optimizer's steps."""
    return state.add(f"{name}_iterations", I8, np.array([optimizer.iterations], np.int64))


def _names_of(optimizers: dict[str, Any]) -> list[tuple[str, np.ndarray]]:
    """The parameters of optimizers and their state, each with its array."""
    named = []
    for name, optimizer in optimizers.items():
        names = optimizer._name_by_id()
        for flat in itertools.chain.from_iterable(optimizer._flats):
            for p, part, shape in zip(flat.parameters, flat.slices, flat.shapes, strict=True):
                named.append((names[id(p)], flat.weights[part].reshape(shape)))
                for kind, array in flat.state.items():
                    named.append((f"{name}.state.{names[id(p)]}.{kind}", array[part].reshape(shape)))
    return named
