"""A device between two sessions: one piece of bytes.

A device is some thirty objects that know each other, 20 KB, and a worker serves thousands of people, most of whom are
in no session. So what the next one has to know is kept in short, and the rest is made anew when that begins. What is
drawn, asked and checked then is the same either way.

The record has all that a session did by then. Kept are: tokens, localStorage, the place among the ids, the back-off of
the event queue, what the checks know of one's own writes and of what was shown, and whose turn it is among planned
faults. A device that still owes something (events in its queue, a request on its way) is not put away.
"""

from __future__ import annotations

import pickle

from harness.client.device import Device


def put_away(device: Device) -> bytes | None:
    """All that the next session on it needs; None while anything is under way on it. Of no more use afterwards."""
    faults, events = device.fault_injector, device.event_sender
    busy = events.owes or device.auth.busy or device.background.busy or device.clock.pausing or device.in_use.locked()
    backoff = None if busy or (faults is not None and faults.busy) else events.keep()
    if backoff is None:
        return None
    kept = pickle.dumps(
        (
            device.auth.keep(),
            device.local.keep(),
            device.new_id.sequence,
            device.jitter.count,
            device.notes.writes_as,
            backoff,
            device.api.keep(),
            None if faults is None else faults.keep(),
        ),
        pickle.HIGHEST_PROTOCOL,
    )
    _dissolve(device)
    return kept


def take_up(device: Device, kept: bytes) -> None:
    """Make a new device of the same person and worker what the one was that was put away."""
    tokens, local, sequence, jitter, writes_as, backoff, api, faults = pickle.loads(kept)
    device.auth.remember(tokens)
    device.local.remember(local)
    device.new_id.sequence, device.jitter.count, device.notes.writes_as = sequence, jitter, writes_as
    device.event_sender.remember(backoff)
    device.api.remember(api)
    if device.fault_injector is not None and faults is not None:
        device.fault_injector.remember(faults)


def _dissolve(device: Device) -> None:
    """Its parts know each other, and the collector looks at new things only (`harness.load.gc_control`): whoever does
    not part them keeps them for good. Timers of planned faults may still know the injector, and find no session."""
    device.discard()
    for part in (device.api, device.auth, device.event_sender, device):
        vars(part).clear()
