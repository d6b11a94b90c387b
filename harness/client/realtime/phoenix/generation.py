"""The two generations of the JavaScript client, as data: versions, timeouts, schedules, rules and defects. (pure)

Source: contract realtime 1.8, measured against both. Where it is silent we assumed, and say so here: a browser gives
a handshake up after four minutes and waits 30 s for the answer to its close frame (npm ws does; the contract measured
with it); a join that was written to a socket that then broke is forgotten, not written twice.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.client.realtime.phoenix.codec import V1, V2


@dataclass(frozen=True, slots=True)
class Generation:
    """How one client library behaves. Lengths are seconds.

    backoff_s: delays before the 1st, 2nd, ... try, the last one repeated; for sockets and for channels, without jitter.
    reconnect_extra_s: added to each socket delay.
    rejoins_on_open: channels join as soon as the socket is open again; otherwise only their own timers bring them back.
    rearms_rejoin: the rejoin timer is set again before the join is answered, so that a join slower than the next delay
        makes the client leave its own topic, report CLOSED, and send one more join nobody listens to (defect c).
    leaves_on_timeout: an unanswered join is followed by `phx_leave`.
    heartbeat_own_timer: an unanswered heartbeat is noticed by a timer of its own, and the next one follows its answer;
        otherwise the next tick notices, and one still pending when a socket breaks makes the first tick on the next
        socket close it (defect a).
    gone_checks_s: after a heartbeat timeout, when the client looks whether the socket it closed is gone; after the last
        look it plans a new one anyway. None: it plans one at once, but its channels count as joined until the old
        one's end is known (defect b).
    empty_close_heartbeats: how many heartbeats a socket outlives its last channel.
    handshake_timeout_s: from the first packet to the answer to the upgrade.
    close_wait_s: how long the answer to our own close frame is awaited.
    joins_say_version: a join that carries a token says which client it comes from.
    waits_while_hidden: no reconnect while the page is hidden, one at once when it is shown.
    """

    name: str
    client: str
    version: str
    first_ref: int
    reconnect_extra_s: float
    rejoins_on_open: bool
    rearms_rejoin: bool
    leaves_on_timeout: bool
    heartbeat_own_timer: bool
    gone_checks_s: tuple[float, ...] | None
    empty_close_heartbeats: float
    waits_while_hidden: bool
    joins_say_version: bool
    join_timeout_s: float = 10.0
    heartbeat_s: float = 25.0
    backoff_s: tuple[float, ...] = (1.0, 2.0, 5.0, 10.0)
    push_buffer: int = 100
    handshake_timeout_s: float = 240.0
    close_wait_s: float = 30.0

    @property
    def empty_close_s(self) -> float:
        """How long a socket outlives its last channel."""
        return self.empty_close_heartbeats * self.heartbeat_s

    def delay(self, tries: int) -> float:
        """Before try number `tries`, counted from 1."""
        return self.backoff_s[min(tries, len(self.backoff_s)) - 1]


JS_2_90 = Generation(
    name="js-2.90.1",
    client="realtime-js/2.90.1",
    version=V1,
    first_ref=1,
    reconnect_extra_s=0.01,
    rejoins_on_open=False,
    rearms_rejoin=True,
    leaves_on_timeout=False,
    heartbeat_own_timer=False,
    gone_checks_s=None,
    empty_close_heartbeats=0.0,
    waits_while_hidden=False,
    joins_say_version=False,
)
"""@supabase/supabase-js 2.90.1, which the app ships."""

JS_2_119 = Generation(
    name="js-2.119.1",
    client="realtime-js/2.119.1",
    version=V2,
    first_ref=6,
    reconnect_extra_s=0.0,
    rejoins_on_open=True,
    rearms_rejoin=False,
    leaves_on_timeout=True,
    heartbeat_own_timer=True,
    gone_checks_s=(0.15, 0.45, 0.9, 1.5),
    empty_close_heartbeats=2.0,
    waits_while_hidden=True,
    joins_say_version=True,
)
"""@supabase/supabase-js 2.119.1, the newest."""

GENERATIONS = {generation.name: generation for generation in (JS_2_90, JS_2_119)}
