"""What runs segments and loops of them, as LLVM's text: the few lines of machine code that are not a kernel."""

from __future__ import annotations

from minigrad.compiler.backends.kernel_module import HEADER

#: Bytes before the first item of a tuple.
_ITEMS = tuple.__basicsize__

#: What a segment gives where a condition does not hold; 1 is that there was no memory.
MISSED_CODE = 2


def _fields(row: str, fields: str) -> str:
    """The numbers and addresses of a row, under their names."""
    lines = []
    for k, field in enumerate(fields.split(", ")):
        ir, name = field.split()
        lines += [
            f"  %{row}_{name} = getelementptr i64, ptr %{row}, i64 {k}",
            f"  %{name} = load {ir}, ptr %{row}_{name}",
        ]
    return "\n".join(lines)


_SEGMENT = _fields("segment", "ptr places, i64 placed, ptr calls, i64 called")

#: Its functions. Numbers and addresses take eight bytes each.
#: - ``move``: a kernel that copies a number, from one address to another.
#: - ``check``: a kernel that gives 2 where a truth is not the expected one, its second argument.
#: - ``calls``: one kernel after the other: (kernel, table, first, last) each; it ends at the first that fails.
#: - ``segment``: puts the addresses of objects into tables, (item, offset, place) each, then runs the calls.
#: - ``moved``: for step k, what moves from step to step: (to, its stride, from, its stride, mask of k, loads) each. It
#:   puts an address, or with ``loads`` the number that is there.
#: - ``loop``: n times what moves before, the calls, what moves after; says how many steps were whole.
TEXT = f"""
define i32 @move(ptr %table, i64 %first, i64 %last) nounwind {{
{_fields("table", "ptr from, ptr to")}
  %x = load i64, ptr %from, align 1
  store i64 %x, ptr %to, align 1
  ret i32 0
}}
define i32 @check(ptr %table, i64 %expected, i64 %last) nounwind {{
  %from = load ptr, ptr %table
  %x = load i8, ptr %from
  %y = zext i8 %x to i64
  %same = icmp eq i64 %y, %expected
  %code = select i1 %same, i32 0, i32 {MISSED_CODE}
  ret i32 %code
}}
define i32 @calls(ptr %calls, i64 %called) nounwind {{
start:
  br label %call
call:
  %k = phi i64 [ 0, %start ], [ %k1, %run ]
  %failed = phi i32 [ 0, %start ], [ %code, %run ]
  %left = icmp ult i64 %k, %called
  %well = icmp eq i32 %failed, 0
  %more = and i1 %left, %well
  br i1 %more, label %run, label %end
run:
  %k4 = mul i64 %k, 4
  %e = getelementptr i64, ptr %calls, i64 %k4
{_fields("e", "ptr kernel, ptr table, i64 first, i64 last")}
  %code = call i32 %kernel(ptr %table, i64 %first, i64 %last)
  %k1 = add i64 %k, 1
  br label %call
end:
  ret i32 %failed
}}
define i32 @segment(ptr %segment, ptr %objects) nounwind {{
start:
{_SEGMENT}
  br label %place
place:
  %i = phi i64 [ 0, %start ], [ %i1, %put ]
  %more = icmp ult i64 %i, %placed
  br i1 %more, label %put, label %run
put:
  %i3 = mul i64 %i, 3
  %a = getelementptr i64, ptr %places, i64 %i3
{_fields("a", "i64 item, i64 offset, ptr where")}
  %items = getelementptr i8, ptr %objects, i64 {_ITEMS}
  %c = getelementptr ptr, ptr %items, i64 %item
  %object = load ptr, ptr %c
  %d = getelementptr i8, ptr %object, i64 {HEADER}
  %data = load ptr, ptr %d
  %address = getelementptr i8, ptr %data, i64 %offset
  store ptr %address, ptr %where
  %i1 = add i64 %i, 1
  br label %place
run:
  %code = call i32 @calls(ptr %calls, i64 %called)
  ret i32 %code
}}
define internal void @moved(ptr %rows, i64 %count, i64 %k) nounwind {{
start:
  br label %row
row:
  %i = phi i64 [ 0, %start ], [ %i1, %put ]
  %more = icmp ult i64 %i, %count
  br i1 %more, label %one, label %end
one:
  %i6 = mul i64 %i, 6
  %r = getelementptr i64, ptr %rows, i64 %i6
{_fields("r", "ptr to, i64 by, ptr from, i64 stride, i64 mask, i64 loads")}
  %turn = and i64 %k, %mask
  %far = mul i64 %turn, %stride
  %source = getelementptr i8, ptr %from, i64 %far
  %off = mul i64 %k, %by
  %target = getelementptr i8, ptr %to, i64 %off
  %is = icmp ne i64 %loads, 0
  br i1 %is, label %load, label %address
load:
  %x = load i64, ptr %source, align 1
  br label %put
address:
  %y = ptrtoint ptr %source to i64
  br label %put
put:
  %z = phi i64 [ %x, %load ], [ %y, %address ]
  store i64 %z, ptr %target, align 1
  %i1 = add i64 %i, 1
  br label %row
end:
  ret void
}}
define i32 @loop(ptr %plan, i64 %n, ptr %done) nounwind {{
start:
{_fields("plan", "ptr segment, ptr before, i64 befores, ptr after, i64 afters")}
{_SEGMENT}
  br label %turn
turn:
  %k = phi i64 [ 0, %start ], [ %k1, %whole ]
  %more = icmp ult i64 %k, %n
  br i1 %more, label %step, label %end
step:
  call void @moved(ptr %before, i64 %befores, i64 %k)
  %code = call i32 @calls(ptr %calls, i64 %called)
  %well = icmp eq i32 %code, 0
  br i1 %well, label %whole, label %end
whole:
  call void @moved(ptr %after, i64 %afters, i64 %k)
  %k1 = add i64 %k, 1
  br label %turn
end:
  %failed = phi i32 [ 0, %turn ], [ %code, %step ]
  store i64 %k, ptr %done
  ret i32 %failed
}}
"""
