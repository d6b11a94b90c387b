"""What earlier runs came to: one file that remembers nights, and finds when an operation changed.

`model` is one night, `store` the file (SQLite), `packed` what it keeps of a record, `choose` the baseline rule,
`change_points` the statistics of one series, `series` all operations beside each other, `machine` what else changed,
`told` the words. Imports core alone.
"""
