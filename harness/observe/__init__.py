"""What Postgres itself counts, read beside a run through a connection of its own.

`questions` are the statements, `tables` what of their answers stays in the record, `observer` the connection and the
thread; `explain` reads plans when the load is over, `query_plan` is what stays of one, `hot_calls` which calls.
Nothing is written. Imports core, record and egress alone.
"""
