"""What the database said of itself, as the record keeps it: `observed/*.parquet`. (pure)

    observed/statements  pg_stat_statements at each edge of a phase or fault window: counters since the last reset
    observed/texts       what the statements with the most time look like, literals left out
    observed/relations   pg_stat_user_tables at the same instants
    observed/indexes     pg_stat_user_indexes, likewise
    observed/seconds     connections, locks and the counters of the database and its log, each second
    observed/plans       how Postgres carries out the dearest statements and the hot calls, after the load
    observed/server      counters of the whole server, at the same instants: log, checkpoints, files, replicas and so on
    observed/clients     whose the connections are, at the same instants, and each second while half are taken
    observed/breakers    the breakers of the assistant's models, each second, where the app has any
    observed/waits       who waited for whose lock, each second in which somebody did

`at_us` is microseconds since 1970 on the generator's clock. Counters grow; what happened in a stretch is the difference
of two readings. Null: this version of Postgres does not count it, or the connection's role may not see it.
"""

from __future__ import annotations

import pyarrow as pa

FOLDER = "observed"
STATEMENTS = f"{FOLDER}/statements"
TEXTS = f"{FOLDER}/texts"
RELATIONS = f"{FOLDER}/relations"
INDEXES = f"{FOLDER}/indexes"
SECONDS = f"{FOLDER}/seconds"
WAITS = f"{FOLDER}/waits"
CLIENTS = f"{FOLDER}/clients"
SERVER = f"{FOLDER}/server"
PLANS = f"{FOLDER}/plans"
BREAKERS = f"{FOLDER}/breakers"

_INT, _REAL, _TEXT = pa.int64(), pa.float64(), pa.string()

SCHEMAS: dict[str, pa.Schema] = {
    STATEMENTS: pa.schema(
        [
            ("at_us", _INT),
            ("query_id", _INT),
            ("role", _TEXT),
            ("calls", _INT),
            ("total_ms", _REAL),  # execution alone, not planning
            ("rows", _INT),
            ("shared_hit", _INT),  # blocks of 8 KiB
            ("shared_read", _INT),
            ("temp_written", _INT),
            ("wal_bytes", _INT),
        ]
    ),
    TEXTS: pa.schema([("query_id", _INT), ("detail", _TEXT)]),
    RELATIONS: pa.schema(
        [
            ("at_us", _INT),
            ("schema", _TEXT),
            ("relation", _TEXT),
            ("sequential_scans", _INT),
            ("sequential_rows", _INT),  # read by them
            ("index_scans", _INT),
            ("inserted", _INT),
            ("updated", _INT),
            ("deleted", _INT),
            ("live_rows", _INT),  # an estimate
            ("dead_rows", _INT),  # likewise
            ("vacuums", _INT),  # by hand and by autovacuum
            ("bytes", _INT),  # with indexes and TOAST
        ]
    ),
    INDEXES: pa.schema(
        [
            ("at_us", _INT),
            ("schema", _TEXT),
            ("relation", _TEXT),
            ("index", _TEXT),
            ("scans", _INT),
            ("bytes", _INT),
            ("unique", pa.bool_()),
        ]
    ),
    SECONDS: pa.schema(
        [
            ("at_us", _INT),
            ("connections", _INT),  # of clients
            ("active", _INT),
            ("idle_in_transaction", _INT),
            ("lock_waits", _INT),  # of clients, for a lock of another
            ("longest_transaction_s", _REAL),  # open at that instant
            ("connection_limit", _INT),  # for anybody but superusers
            ("commits", _INT),
            ("rollbacks", _INT),
            ("blocks_hit", _INT),
            ("blocks_read", _INT),
            ("temp_bytes", _INT),
            ("deadlocks", _INT),
            ("wal_bytes", _INT),
            ("took_ms", _REAL),  # by the clock: what asking this cost, at most
        ]
    ),
    BREAKERS: pa.schema(
        [
            ("at_us", _INT),
            ("model", _TEXT),
            ("failures", _INT),  # since the last success
            ("open_s", _REAL),  # so long it is left alone yet; negative: since when it no longer is; null: never was
        ]
    ),
    WAITS: pa.schema(
        [
            ("at_us", _INT),
            ("waited_s", _REAL),
            ("relation", _TEXT),  # empty: a lock of something else
            ("mode", _TEXT),
            ("waiting", _TEXT),  # the statement, literals left out
            ("blocking", _TEXT),  # likewise; the last one of an idle transaction
            ("blocker_state", _TEXT),
            ("blocked_for_s", _REAL),  # age of the transaction that holds the lock
        ]
    ),
    SERVER: pa.schema(
        [
            ("at_us", _INT),
            ("name", _TEXT),  # as in harness.observe.server, where each is explained
            ("value", _REAL),
        ]
    ),
    CLIENTS: pa.schema(
        [
            ("at_us", _INT),
            ("application", _TEXT),
            ("role", _TEXT),
            ("state", _TEXT),
            ("connections", _INT),
            ("longest_s", _REAL),  # the longest in that state
        ]
    ),
    PLANS: pa.schema(
        [
            ("at_us", _INT),
            ("source", _TEXT),  # statement, call or child (`harness.observe.query_plan`)
            ("endpoint", _TEXT),  # of a call, and of a child that call's; empty: see the statement
            ("role", _TEXT),  # that it was planned for; empty: the connection's own
            ("query_id", _INT),  # of pg_stat_statements; 0: none
            ("statement", _TEXT),  # literals left out
            ("plan", _TEXT),  # JSON of `harness.observe.query_plan.QueryPlan`; empty: there is none
            ("problem", _TEXT),  # why not
        ]
    ),
}
