"""What Postgres itself counts, read beside a run through a connection of its own.

`questions` are the statements, `tables` what of their answers stays in the record, `observer` the connection and the
thread. Read-only. Imports core, record and egress alone.
"""
