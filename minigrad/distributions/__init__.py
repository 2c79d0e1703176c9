"""Distributions: the table of families, and what is the same for all of them. ``minigrad.stats`` has their names."""
