"""What earlier runs came to: one file that remembers nights, and finds when an operation changed.

`model` is one night, `store` the file (SQLite), `packed` what it keeps of a record, `choose` the baseline rule,
`change_points` the statistics. Imports core alone.
"""
