"""The only package that knows Locust and gevent: PhoneUser, the runners' events, the run spec's way to the workers.

Personas are Locust User classes; Locust spawns them, counts them, distributes them and shows them. Each one's single
task takes the next ticket from the queue, hands the whole session to the engine's loop in its native thread, and waits.
Two modes:

planned: a run spec was given with `--harness-order`; the seeded timetable decides when sessions start, and of whom.
         Every user is a free slot for any persona's ticket, because Locust deals its users out to workers by the mix
         over all workers: one worker of two may get all the swipers.
closed:  plain `locust -f scenarios/locustfile.py`; each user opens one session after the other, as Locust users expect.

`phone_user` is what personas derive from, `worker_side` and `master_side` are what a process is during a test,
`listeners` joins them to Locust's events, `messages` names what the two sides say to each other.
"""

from __future__ import annotations

import locust.runners
import pandas  # noqa: F401  # pyarrow imports it at its first conversion: once here, before Locust forks its workers

from harness.load.locust_adapter import listeners  # noqa: F401  # it listens from its import on
from harness.load.locust_adapter.phone_user import PhoneUser
from harness.load.locust_channel import install
from harness.record.recorder import SampleTally

__all__ = ["PhoneUser"]

locust.runners.HEARTBEAT_LIVENESS = 7
"""Locust gives a worker up, and with the last one the run, after this many silent seconds instead of 4. Ours is the
roster, whose patience is LOST_S; a worker that starts on a busy machine may need more than Locust's."""

install()  # of a token, before Locust makes its sockets

# Loads what recording needs before Locust connects: on a busy machine it takes seconds, after which a worker counts as
# missing and the test as over.
SampleTally()
