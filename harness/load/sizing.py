"""How many worker processes a run needs so that no phone lacks a file descriptor. (pure)

The rule: a phone counts as two descriptors, one HTTP connection and one socket. A page load opens up to six HTTP
connections for some seconds (as a browser does over HTTP/1.1), so a fifth of a process' limit is left free for those
who load at that moment; RESERVED are for the process itself. A limit of 20,000 then carries 7,900 phones.
"""

from __future__ import annotations

from harness.core.errors import UsageError
from harness.core.ids import MAX_WORKERS
from harness.core.wire_limits import WireLimits

PER_PHONE = 2
BURST_SHARE = 0.2
RESERVED = 200
MAX_PER_CORE = 8
"""Worker processes a core. Beyond, most of what they measure would be each other."""


def phones_per_process(descriptor_limit: int) -> int:
    """How many phones a process with that limit of open files carries."""
    return max(0, int(descriptor_limit * (1.0 - BURST_SHARE)) - RESERVED) // PER_PHONE


def processes_for(phones: int, descriptor_limit: int, cores: int, asked: int | None = None) -> int:
    """Worker processes for so many phones: as many as `asked`, or as few as the limit allows.

    :param descriptor_limit: RLIMIT_NOFILE of each process, the hard one.
    :raises UsageError: they cannot carry that many phones; says how many it takes.
    """
    each = phones_per_process(descriptor_limit)
    where = f"open files, limit {descriptor_limit:,} a process"
    if each == 0:
        raise UsageError(
            f"this limit leaves no descriptor for phones: {RESERVED} are for the process itself",
            where=where,
            remedy=f"raise the limit (ulimit -Hn) to at least {RESERVED * 5:,}",
        )
    needed = max(1, -(-phones // each))
    if asked is not None and asked < needed:
        raise UsageError(
            f"{phones:,} phones need {needed} worker processes, {asked} were asked for: a phone takes {PER_PHONE} "
            f"descriptors, so a process carries {each:,}",
            where=where,
            remedy=f"give --processes {needed}, or leave it out; or raise the limit (ulimit -Hn)",
        )
    check_workers(asked or needed)
    if asked is None and needed > cores * MAX_PER_CORE:
        raise UsageError(
            f"{phones:,} phones need {needed} worker processes, too many for {cores} cores",
            where=where,
            remedy="raise the limit (ulimit -Hn), or spread the workers over machines with --master and --worker",
        )
    return asked or needed


def check_workers(workers: int, limits: WireLimits | None = None) -> None:
    """:raises UsageError: more workers than ids have room for, or than the target's limits can be shared among."""
    if workers > MAX_WORKERS:
        raise UsageError(
            f"{workers:,} workers, {MAX_WORKERS} are the most: the ids that phones make have room for no more",
            where="worker processes",
            remedy=f"run at most {MAX_WORKERS}, each with more phones (ulimit -Hn)",
        )
    if limits is not None and workers > limits.most_workers:
        raise UsageError(
            f"{workers:,} workers cannot share the target's limits: with {limits.requests_per_second:g} requests/s, "
            f"{limits.connections_per_second:g} new connections/s and {limits.sockets:,} sockets there are whole "
            f"shares for {limits.most_workers}",
            where="worker processes",
            remedy=f"run at most {limits.most_workers} (--processes, --expect-workers)",
        )
