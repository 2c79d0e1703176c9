"""Guards: when a program may run again, and when the step has to be recorded anew."""
