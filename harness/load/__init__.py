"""Making the load: one process's sessions, started, run, recorded and reported; and the master that gathers reports.

Here belong the engine and its parts (scheduler, session runner, observer), tickets, aggregator, abort rules, the
generator's own health, and child processes. May import core, config, schedule, client, record and chaos; not run.
`locust_adapter` is the only package of harness that imports Locust and gevent, and nothing here imports it.
"""
