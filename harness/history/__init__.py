"""What earlier runs came to: one file that remembers nights, and finds when an operation changed.

`model` is one night, `store` the file (SQLite), `change_points` the statistics. Imports core alone.
"""
