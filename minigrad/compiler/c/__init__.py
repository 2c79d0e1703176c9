"""``step.export("step.c")``: a program as C99 without dependencies."""
