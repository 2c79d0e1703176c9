"""``step.export("step.c")``: the program as a file in C99, its header, and what it keeps in a binary file beside it."""

from __future__ import annotations

import os
import re
import textwrap
from pathlib import Path

from minigrad.compiler.c.kinds import stored
from minigrad.compiler.c.places import Block
from minigrad.compiler.c.products import product_text
from minigrad.compiler.c.program import Written
from minigrad.compiler.output.export import check
from minigrad.compiler.output.listing import Listing
from minigrad.compiler.program import Call
from minigrad.compiler.tracing.counts import Told
from minigrad.core.trees import flat
from minigrad.errors import CompileError
from minigrad.files import atomic


def export(listing: Listing, calls: list[Call], name: str, path: str | os.PathLike[str]) -> None:
    """Write ``path``, the header and the state beside it; each file is replaced as a whole."""
    target = Path(path)
    prefix = re.sub(r"\W+", "_", target.stem)
    if not prefix or prefix[0].isdigit():
        raise CompileError(f"export: functions in C are called after the file, and {target.stem!r} is no name in C")
    _check(listing)
    written = Written(listing, calls, prefix)
    header, source = _header(written, name), _source(written, name)
    atomic.write_whole(target.with_suffix(".bin"), [written.state.image()])
    atomic.write_whole(target.with_suffix(".h"), [header.encode()])
    atomic.write_whole(target, [source.encode()])


def _check(listing: Listing) -> None:
    """Raise ``CompileError`` for what a program in C does not do."""
    check(listing, "has no form in C", "C")
    for x in flat(listing.program.outputs):
        if type(x) is Told:
            raise CompileError(f"export: the step returns optimizer.{x.name}, which is in the state: leave it out")


def _signature(written: Written, indent: str) -> str:
    """The declaration of the function that runs a step."""
    state = f"{'' if _is_training(written) else 'const '}{written.prefix}_state *state"
    changed = {value.root for call in written.calls for value in call.writes}
    parameters = [state, "void *workspace"]
    for name, value, block in written.arguments:
        parameters.append(f"{'' if value in changed else 'const '}{stored(block.kind)} *{name}")
    parameters += [f"{stored(block.kind)} *{name}" for name, block, _ in written.outputs]
    if written.gradients:
        parameters.append(f"{written.prefix}_gradients *gradients")
    return f"int {written.prefix}_run({f',{indent}'.join(parameters)})"


def _is_training(written: Written) -> bool:
    """Whether the state changes."""
    return bool(written.listing.optimizers) or written.listing.writes or bool(written.gradients)


#: The header; what stands in braces is of the step.
_HEADER = """/* {what} "{name}" as C99. It needs the C library's mathematics and nothing else.

   cc -std=c99 -O3 -march=native -fno-math-errno -c {p}.c        (-DSTEP_USE_CBLAS: products by BLAS; never -ffast-math)

   static {p}_state state;                                       what is kept from run to run
   void *workspace = malloc({p}_workspace());                    at the start; nothing is allocated after it
   {p}_init(&state, image, size);                                image: the {size} bytes of {p}.bin
   int code = {p}_run(&state, workspace, ...);                   {p}_run({given})

   Arrays lie in C order, one number after the other. Inputs:

{inputs}

   Outputs, which the caller provides:

{outputs}
{more}
   {p}_run gives 0, or the number of what did not hold; then neither the state nor an output has changed:

{codes}

   The file {p}.bin: 16 bytes that tell it from others, the members of the struct below in their order, without gaps, in
   little-endian numbers, and 8 bytes with the CRC-32 of all before it. {p}_init gives 0, or -1 for another file or a
   damaged one, and then the state has not changed. */

#ifndef {upper}_H
#define {upper}_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

/* What is kept: named arrays, in C order, each with its shape and where in the member it begins. */
{members}

{gradients}/* The bytes of the workspace, which begins where malloc's memory may begin. */
size_t {p}_workspace(void);

/* The bytes of {p}.bin; the state from them; and them from the state. */
size_t {p}_image_size(void);
int {p}_init({p}_state *state, const void *image, size_t size);
void {p}_save(const {p}_state *state, void *image);

{signature};

#ifdef __cplusplus
}}
#endif

#endif
"""


def _header(written: Written, name: str) -> str:
    p = written.prefix
    what = {"predict": "The forward function", "step": "The loss and gradients", "train": "The training step"}
    shapes = [f"    {parameter}: {_look(block, value.shape)}" for parameter, value, block in written.arguments]
    results = [f"    {parameter}: {_look(block, place.shape)}" for parameter, block, place in written.outputs]
    codes = [
        textwrap.fill(f"{k + 1}: {text}", 112, initial_indent="    ", subsequent_indent="       ")
        for k, text in enumerate(written.conditions)
    ]
    struct = ""
    if written.gradients:
        rows = "".join(
            f"    {stored(block.kind)} {parameter}[{max(block.size, 1)}]; /* {_look(block, place.shape)} */\n"
            for parameter, block, place in written.gradients
        )
        struct = f"/* The gradients of a run. */\ntypedef struct {p}_gradients {{\n{rows}}} {p}_gradients;\n\n"
    arguments = ", ".join(
        ["&state", "workspace", *[x for x, _, _ in written.arguments], *[x for x, _, _ in written.outputs]]
    )
    arguments += ", NULL" * bool(written.gradients)
    return _HEADER.format(
        p=p,
        upper=p.upper(),
        what=what[written.listing.kind],
        name=name,
        given=arguments,
        size=written.state.size,
        inputs="\n".join(shapes) or "    none",
        outputs="\n".join(results) or "    none",
        more="   and the gradients, where a pointer to their struct is given in place of NULL." * bool(struct),
        codes="\n".join(codes) or "    there is no such thing",
        members=written.state.struct(),
        gradients=struct,
        signature=_signature(written, "\n    "),
    )


def _look(block: Block, shape: tuple[int, ...]) -> str:
    return f"{stored(block.kind)} ({', '.join(map(str, shape))})"


_FLUSH = """static void flush_{n}({t} *x, size_t n)
{{
    for (size_t i = 0; i < n; i++) {{
        if (fabs{f}(x[i]) < {least}) x[i] = 0;
    }}
}}"""


def _source(written: Written, name: str) -> str:
    p, kernels = written.prefix, written.kernels
    parts = [
        f'/* "{name}" as C99: see {p}.h. Each kernel is a function, with the line that it comes from. */',
        f'#include "{p}.h"\n\n#include <math.h>\n#include <stdbool.h>\n#include <string.h>'
        + "\n\n#ifdef STEP_USE_CBLAS\n#include <cblas.h>\n#endif" * bool(kernels.products),
        "\n".join(written.constants),
        "\n\n".join(kernels.helpers.values()),
        "\n\n".join(kernels.formulas.values()),
        *[product_text(kind) for kind in sorted(kernels.products)],
        *[
            _FLUSH.format(
                n=kind,
                t={"f4": "float", "f8": "double"}[kind],
                f="f" if kind == "f4" else "",
                least={"f4": "FLT_MIN", "f8": "DBL_MIN"}[kind],
            )
            for kind in sorted(kernels.flushes)
        ],
        "\n\n".join(kernels.kernels.values()),
        "\n\n".join(written.rates.texts),
        written.state.functions(),
        f"size_t {p}_workspace(void) {{ return {max(written.work_size, 1)}; }}",
        _step(written),
    ]
    if kernels.flushes:
        parts[1] = parts[1].replace("#include <math.h>", "#include <float.h>\n#include <math.h>")
    return "\n\n".join(part for part in parts if part) + "\n"


def _step(written: Written) -> str:
    lines = [f"    {line}" if line else "" for line in written.lines]
    mentioned = re.sub(r"/\*.*?\*/", "", "\n".join(written.lines), flags=re.DOTALL)
    declared = [f"    {line}" for line in written.declarations()]
    if re.search(r"\bwork\b", " ".join([*declared, mentioned])):
        declared.insert(0, "    unsigned char *const work = workspace;")
    names = [x for x, _, _ in (*written.arguments, *written.outputs)] + [
        "state",
        "gradients" if written.gradients else "state",
    ]
    unused = [f"    (void){x};" for x in dict.fromkeys(names) if not re.search(rf"\b{x}\b", mentioned)]
    unused += [] if any("workspace" in line for line in declared) else ["    (void)workspace;"]
    return "\n".join([_signature(written, "\n    "), "{", *declared, *unused, *lines, "    return 0;", "}"])
