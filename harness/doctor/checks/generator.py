"""Can this machine make the profile's load? Figures of a session's cost: docs/numbers.md."""

from __future__ import annotations

from harness.core.counted import counted
from harness.core.errors import UsageError
from harness.doctor.facts import Facts
from harness.doctor.model import Answer, ok, wrong
from harness.load.sizing import processes_for

VALID_SHARE = 0.5
"""Of a core: beyond, a worker's own delays are in what it measures."""
AT_START, PER_PERSON, PER_SESSION = 221_000_000, 139_000, 43_000
"""Bytes: of a worker process, of a person who has had a session, of an open one."""


def judge(facts: Facts) -> Answer:
    machine, peak, profile = facts.machine, facts.peak, facts.profile
    assert peak is not None  # made with the facts
    elsewhere = "spread it over machines with --master and --worker (docs/distributed.md), or --scale it down"
    try:
        workers = processes_for(profile.phones, machine.descriptors, machine.cores)
    except UsageError as error:
        return wrong(error.what, error.remedy)
    ports = machine.ports * max(1, len(facts.addresses)) * machine.sources
    if peak.sockets > ports:
        return wrong(
            f"the plan opens {peak.sockets:,} sockets to {len(facts.addresses)} address(es), there are {ports:,} ports",
            "sysctl -w net.ipv4.ip_local_port_range='10000 65535', several HARNESS_SOURCE_ADDRESSES, or " + elsewhere,
        )
    cores = peak.requests_per_second * machine.us_a_request / 1e6
    if cores > machine.cores * VALID_SHARE:
        return wrong(
            f"the peak of {peak.requests_per_second:,.0f} requests/s takes {cores:.1f} cores at "
            f"{machine.us_a_request:.0f} us each here; "
            f"{machine.cores} at half their strength are {machine.cores * VALID_SHARE:g}",
            elsewhere,
        )
    memory = workers * AT_START + profile.people * PER_PERSON + peak.phones * PER_SESSION
    if machine.memory_bytes and memory > machine.memory_bytes:
        return wrong(
            f"{counted(profile.people, 'person', 'people')} take {memory / 1e9:.1f} GB, "
            f"{machine.memory_bytes / 1e9:.1f} GB are free",
            elsewhere,
        )
    return ok(
        f"{cores:.2f} of {machine.cores} cores at the peak ({machine.us_a_request:.0f} us a request here), "
        f"{memory / 1e9:.1f} GB, {workers} worker process(es)"
    )
