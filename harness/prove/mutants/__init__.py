"""Mutation testing of the verdict: a proxy that spoils one call in one way, whole runs through it, and who noticed.

`places` says what can be spoiled, `operators` how, `catalogue` which pairs make sense; `proxy` does it, as a process of
its own; `trials` runs and `table` counts.
"""
