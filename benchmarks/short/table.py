"""What is measured: each ratio with its two sides, and where to look when it is worse."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Ratio:
    """module: of this package, which measures it. look: what ours consists of, and the benchmark in its long form."""

    name: str
    module: str
    ours: str
    reference: str
    look: str


RATIOS = (
    Ratio(
        "wire, GET",
        "wire",
        "a small request on our connections",
        "the same on a bare asyncio protocol with httptools",
        "harness/client/http, harness/egress; benchmarks/wire.py",
    ),
    Ratio(
        "wire, POST of 6 KB",
        "wire",
        "a batch on our connections",
        "the same on a bare asyncio protocol with httptools",
        "harness/client/http, harness/egress; benchmarks/wire.py",
    ),
    Ratio(
        "session",
        "session",
        "a request of a session: screens, device, JSON, checks, ledger, record",
        "a recorded request on a bare connection, its reply parsed and visited",
        "harness/client, harness/load, harness/record; benchmarks/session.py says which part",
    ),
    Ratio(
        "read checks",
        "session",
        "the read rules on the replies of some sessions",
        "a visit to every value in the same replies",
        "harness/client/checks; benchmarks/read_checks.py says which call",
    ),
    Ratio(
        "open phone",
        "phones",
        "Python objects of a phone with the app open, in bytes",
        "a thousand bytes",
        "harness/client/device.py, harness/client/cache; benchmarks/phones.py",
    ),
    Ratio(
        "session log",
        "notes",
        "what a session writes down, and its rows",
        "the same appended to a list and a dict, and made columns by pyarrow",
        "harness/client/session_log.py, harness/core/rows.py; benchmarks/session_log.py",
    ),
    Ratio(
        "dice",
        "notes",
        "a session's dice, each thrown once",
        "as many random.Random, each seeded and thrown once",
        "harness/client/rng.py; benchmarks/session_log.py",
    ),
    Ratio(
        "recorder",
        "notes",
        "a second's samples recorded and made rows",
        "the same appended to arrays and sorted by numpy",
        "harness/record/recorder.py, harness/record/buckets.py; benchmarks/record.py",
    ),
    Ratio(
        "integrity",
        "integrity",
        "the check of 100,000 writes",
        "the same files read and sorted by pandas",
        "reports/integrity, harness/core/ids.py; benchmarks/integrity.py",
    ),
    Ratio(
        "report",
        "report",
        "verdict and page of a record of 100,000 samples",
        "the same record read and grouped by pandas",
        "reports/frames.py, reports/report.py, reports/render; benchmarks/large_report.py",
    ),
    Ratio(
        "chaos proxy, no fault",
        "relay",
        "a request through the proxy",
        "one through two asyncio protocols that write to each other",
        "chaos/proxy; benchmarks/proxy.py",
    ),
)
