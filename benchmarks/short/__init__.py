"""Short forms of the benchmarks: what ours costs over a reference that is measured by turns with it.

`judging` compares (pure), `kept` has the figures that count, `table` says what is measured, and each other module
measures some of it in a process of its own: `looked()` gives the turns of each ratio by its name.
"""
