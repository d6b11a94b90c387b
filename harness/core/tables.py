"""What a run directory holds: file names, columns, phases, views. (pure)

    manifest.json      what was asked, of whom, with which seed and versions, and how it ended; `record_version` of all
                       these files (`harness.record.versions` knows what older ones are called)
    latency.parquet    counts per (second, phase, operation, view, outcome, bucket_us)
    arrivals.parquet   one row per planned session
    health.parquet     the generator's own health, per worker and second
    delivery.parquet   what phones saw of Realtime: messages sent and heard, channels up and down
    realtime.parquet   sockets, channels and frames, per worker and second
    workers/<n>/       what worker n wrote down itself: a run directory of its own part (only with several processes)
    traffic.parquet    what each session sent, per call
    chaos.jsonl        what went wrong on purpose, when, and what it hit (`harness.core.fault_record`)
    actions.parquet    what each session's person did (`harness.core.actions`)
    violations.parquet what was wrong with replies, as phones found it (`harness.core.read_log`); examples, bounded
    read_checks.parquet  how often each rule of reading was asked of each call's replies, and how often it was broken
    read_samples.parquet  some of the replies: who was shown which rows (`harness.core.read_log`)
    read_prints.parquet  a few replies of each call in numbers, with their questions (`harness.core.reply_print`)
    read_again.parquet   what some of these questions were answered after the run (`harness.probes.ask_again`)
    ledger/*.parquet   every intended write, and what became of it (`harness.core.ledger`)
    stream/*.arrows    the same tables as they are written, one Arrow IPC stream per table;
                       read when the run died before they were compacted into the Parquet files
    run.log            what happened: one line of JSON an event, from all processes (`harness.record.run_log`)
    verdict.json, report.html, junit.xml, summary.md   written by `reports` from the files above

All instants in tables are relative to the run's zero (start of warm-up): `second` in whole seconds, `*_us` in
microseconds. `second` may be negative only by rounding; it is clamped to 0.
"""

from __future__ import annotations

from enum import StrEnum

import pyarrow as pa

MANIFEST = "manifest.json"
LATENCY = "latency"
ARRIVALS = "arrivals"
HEALTH = "health"
DELIVERY = "delivery"
REALTIME = "realtime"
TRAFFIC = "traffic"
ACTIONS = "actions"
VIOLATIONS = "violations"
READ_CHECKS = "read_checks"
READ_SAMPLES = "read_samples"
READ_PRINTS = "read_prints"
READ_AGAIN = "read_again"
LEDGER_WRITES = "ledger/writes"
LEDGER_STEPS = "ledger/steps"
STREAM_FOLDER = "stream"
WORKERS_FOLDER = "workers"


class Phase(StrEnum):
    """Part of a run. SLOs read `measure` only."""

    WARMUP = "warmup"
    MEASURE = "measure"
    DRAIN = "drain"


class View(StrEnum):
    """Which latency a row counts. Never mixed.

    server: one attempt, first byte written on an open connection to last byte read.
    e2e: one operation, from the instant it was intended until the app could show it done.
    delivery: one thing that Realtime did, from its cause (a message's send, a join) until it was read at a socket.
    lag: how late the generator's own loop woke (operation `generator`); 10 ms apart.
    lateness: how late a session started against its plan because of the generator (operation `generator`).
    held: how long something waited for the target's limits, which the generator keeps: `wire requests`, `wire
        connections`, and operations one of whose requests waited, by the longest such wait.
    connect: how long opening one HTTP connection took (operation `http`): name, TCP, TLS.
    limit: an attempt that a limit of the platform refused, once more, by limit and call (`core.platform_limits`).
    gc: how long one garbage collection held the interpreter (operation `generator`).
    """

    SERVER = "server"
    E2E = "e2e"
    DELIVERY = "delivery"
    LAG = "lag"
    LATENESS = "lateness"
    GC = "gc"
    CONNECT = "connect"
    HELD = "held"
    LIMIT = "limit"


_OF_A_REPLY = (
    ("begun_us", pa.int64()),  # before the first byte was sent
    ("at_us", pa.int64()),  # when the reply was read
    ("worker", pa.int32()),
    ("person", pa.int32()),  # who asked
    ("account", pa.binary(16)),  # and as whom
    ("call", pa.string()),
)
SCHEMAS: dict[str, pa.Schema] = {
    LATENCY: pa.schema(
        [
            ("second", pa.int32()),  # of the attempt's send, or of the operation's intent
            ("phase", pa.string()),
            ("operation", pa.string()),  # server view: the call's name; e2e view: the operation's
            ("view", pa.string()),
            ("outcome", pa.string()),
            ("bucket_us", pa.int64()),  # the bucket's representative value, within 0.5 % of every sample in it
            ("count", pa.int64()),
        ]
    ),
    ARRIVALS: pa.schema(
        [
            ("ticket", pa.int64()),  # position in the seeded plan; unique
            ("worker", pa.int32()),
            ("persona", pa.string()),
            ("person", pa.int32()),
            ("planned_us", pa.int64()),
            ("started_us", pa.int64()),  # null: never started
            ("ended_us", pa.int64()),  # null: never started, still open, or its worker died first
            # "" on time, "phone_busy", "generator", "worker_lost" (taken over late, or by nobody), "run_ended"
            ("late_cause", pa.string()),
            # harness.core.session_end; "" (no end on record)
            ("end", pa.string()),
        ]
    ),
    HEALTH: pa.schema(
        [
            ("second", pa.int32()),
            ("worker", pa.int32()),
            ("lag_p50_us", pa.int64()),
            ("lag_p99_us", pa.int64()),
            ("lag_max_us", pa.int64()),
            ("cpu_share", pa.float64()),  # of one core, over that second
            ("rss_bytes", pa.int64()),
            ("descriptors", pa.int32()),
            ("sessions", pa.int32()),  # open at that instant
            # from here on null where the system does not tell
            ("descriptor_limit", pa.int64()),
            ("wait_share", pa.float64()),  # of that second that the engine's thread was ready to run and had no core
            ("steal_share", pa.float64()),  # of the machine's CPU time, taken by its hypervisor
            ("throttled_share", pa.float64()),  # of that second that the container's CPU quota held it back
            ("machine_share", pa.float64()),  # of the machine's CPU time, in use by whatever runs there
            ("gc_us", pa.int64()),  # all garbage collections of that second together
            ("gc_max_us", pa.int64()),  # the longest one
            ("ports", pa.int32()),  # local TCP ports taken on the machine, at most (docs/numbers.md)
            ("port_limit", pa.int32()),  # size of the system's range for outgoing connections
            ("backlog_bytes", pa.int64()),  # written by phones, not yet taken by the system; from a sample of phones
        ]
    ),
    DELIVERY: pa.schema(  # harness.core.delivery_facts says what each kind of row means
        [
            ("at_us", pa.int64()),  # on the worker's own clock
            ("worker", pa.int32()),
            ("kind", pa.string()),
            ("person", pa.int32()),  # whose phone saw it
            ("conversation", pa.string()),
            ("key", pa.string()),
            ("detail", pa.string()),
            ("mark_us", pa.int64()),  # an instant on the database's clock, epoch; null: none
        ]
    ),
    REALTIME: pa.schema(
        [
            ("second", pa.int32()),
            ("worker", pa.int32()),
            ("what", pa.string()),  # a gauge at that instant, or "frames <kind>", "sent <kind>", "bytes" in that second
            ("value", pa.int64()),
        ]
    ),
    TRAFFIC: pa.schema(
        [
            ("ticket", pa.int64()),  # the session that caused the requests, also those after its end
            ("worker", pa.int32()),
            ("call", pa.string()),  # as in the latency table's server view
            ("requests", pa.int64()),  # attempts, answered or not
            ("failed", pa.int64()),  # of them: refused, or not answered; not those that the phone itself gave up
            ("seconds", pa.float64()),  # waited for them, all together
            ("bytes_out", pa.int64()),  # headers and body, before TLS; of answered requests
            ("bytes_in", pa.int64()),  # likewise, as transferred
            ("rows", pa.int64()),  # written, as far as the replies tell (`harness.client.api.rows_written`)
        ]
    ),
    ACTIONS: pa.schema(
        [
            ("ticket", pa.int64()),
            ("worker", pa.int32()),
            ("at_us", pa.int64()),  # since the session began
            ("action", pa.string()),
            ("subject", pa.string()),
            ("number", pa.int64()),
            ("seconds", pa.float64()),
        ]
    ),
    VIOLATIONS: pa.schema(
        [
            ("at_us", pa.int64()),  # when the reply was read
            ("worker", pa.int32()),
            ("ticket", pa.int64()),
            ("person", pa.int32()),  # who asked
            ("call", pa.string()),
            ("rule", pa.string()),  # `harness.client.checks`
            ("severity", pa.string()),  # ReadSeverity
            ("subject", pa.string()),  # id of the row or person that it is about
            ("detail", pa.string()),
        ]
    ),
    READ_CHECKS: pa.schema(  # to be added up: one row per second and pair in which there was something
        [
            ("worker", pa.int32()),
            ("call", pa.string()),
            ("rule", pa.string()),
            ("asked", pa.int64()),
            ("broken", pa.int64()),
        ]
    ),
    READ_SAMPLES: pa.schema(  # harness.core.read_log.ReadSample
        [
            *_OF_A_REPLY,
            ("subject", pa.binary(16)),  # what was asked about, where it has an id
            ("whole", pa.bool_()),  # there was nothing behind the last row
            ("oldest_us", pa.int64()),  # time of the last row, epoch; null: none
            ("ids", pa.binary()),  # of the rows, 16 bytes each
            ("owners", pa.binary()),  # whose they are, of lists last messages, likewise; empty where rows do not say
            ("detail", pa.string()),
            ("first", pa.int64()),  # figures; null: none
            ("second", pa.int64()),
        ]
    ),
    READ_PRINTS: pa.schema(  # harness.core.read_log.KeptReply
        [
            *_OF_A_REPLY,
            ("arguments", pa.string()),  # of the call's path, a list as JSON
            ("body", pa.string()),  # JSON
            ("keys", pa.string()),  # of the rows, separated by commas
            ("fields", pa.string()),  # names, likewise
            ("values", pa.binary()),  # `harness.core.reply_print`
        ]
    ),
    READ_AGAIN: pa.schema(  # answers to questions of read_prints
        [
            ("asked_us", pa.int64()),
            ("account", pa.binary(16)),
            ("call", pa.string()),
            ("arguments", pa.string()),
            ("body", pa.string()),
            ("keys", pa.string()),  # null: it was not answered well
            ("fields", pa.string()),
            ("values", pa.binary()),
            ("made", pa.binary()),  # 8 bytes a row: when it was stored, epoch us, the target's clock; 0: not said
        ]
    ),
    LEDGER_WRITES: pa.schema(
        [
            ("kind", pa.uint8()),  # WriteKind
            ("person", pa.uint32()),
            ("sequence", pa.uint32()),  # with kind and person: which write
            ("at_us", pa.int64()),  # intended
            ("key", pa.uint64()),  # stands for the key it is stored under; 0 where the kind has none
            ("subject", pa.binary(16)),  # UUIDs whose meaning depends on the kind, see WriteKind
            ("object", pa.binary(16)),
            ("detail", pa.string()),
            ("number", pa.int32()),
            ("content", pa.uint64()),  # harness.core.content: all that was sent; 0 or null: not noted
            ("parts", pa.uint64()),  # likewise, 8 bits a field
        ]
    ),
    LEDGER_STEPS: pa.schema(
        [
            ("kind", pa.uint8()),
            ("person", pa.uint32()),
            ("sequence", pa.uint32()),
            ("at_us", pa.int64()),
            ("step", pa.uint8()),  # WriteStep
            ("outcome", pa.uint8()),  # position in OUTCOMES
            ("row", pa.binary(16)),  # the server's own id for it, where it said one
        ]
    ),
}
