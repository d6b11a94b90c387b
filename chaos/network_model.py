"""Emulated mobile links: a model with the numbers of public measurements, not a copy of any network. (pure)

Per link: round trip log-normal with given median and 95th percentile, bandwidth, loss of segments, stalls while the
phone changes cells. Medians, rates and losses lie within what WebPageTest's connectivity profiles, Lighthouse, ATC and
Loadero publish; that they are log-normal, their 95th percentiles and the stalls are engineering choices, because none
of those sets has any. Report end-to-end latency per link, never mixed.

The loss model, `loss_s`, serves these links and the proxy's `packet_loss`: a write of n = ceil(bytes / 1460) segments
is hit with 1 - (1 - p)^n; one of the last three segments costs a retransmission timeout of max(200 ms, 1.5 round
trips), doubled while the repeat is lost too; any other one round trip.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

from chaos.fault import Draw

SEGMENT = 1460  # bytes of payload in an Ethernet-sized TCP segment
TAIL = 3  # a loss among the last so many segments has too few duplicate ACKs behind it for a fast retransmit
LEAST_RTO_S = 0.2  # Linux's and iOS's lower bound
MOST_DOUBLINGS = 6
MOST_RTT = 4.0
"""A round trip is at most this many times the link's 95th percentile."""
_NORMAL = NormalDist()
_P95 = _NORMAL.inv_cdf(0.95)


@dataclass(frozen=True, slots=True)
class LinkModel:
    """rtt_p50_s, rtt_p95_s: seconds. down, up: bytes per second. loss: share of segments.

    stall_every_s, stall_s: on average once in so long nothing gets through for so long, in either direction.
    """

    name: str
    rtt_p50_s: float
    rtt_p95_s: float
    down: float
    up: float
    loss: float
    stall_every_s: float = 0.0
    stall_s: float = 0.0

    def rtt(self, quantile: float) -> float:
        """The round trip at this quantile, seconds."""
        sigma = math.log(self.rtt_p95_s / self.rtt_p50_s) / _P95
        value = self.rtt_p50_s * math.exp(sigma * _NORMAL.inv_cdf(min(max(quantile, 1e-9), 1 - 1e-9)))
        return min(value, MOST_RTT * self.rtt_p95_s)

    def passing_s(self, at_s: float, moving_s: float, shift: float, place: Callable[[int], float]) -> float:
        """How long something is under way that begins at `at_s` and moves for `moving_s`: nothing moves in a stall,
        so nothing arrives in one either, whichever way it goes.

        Time is cut into slots of `stall_every_s`, each with one stall at a place of its own.
        :param shift: 0 to 1, by which this phone's slots are moved.
        :param place: 0 to 1 for a slot: where in it the stall lies.
        """
        if not self.stall_s:
            return moving_s
        every = self.stall_every_s
        begun = now = at_s + shift * every
        slot = math.floor(now / every)
        while True:
            stall = slot * every + place(slot) * (every - self.stall_s)
            if now < stall:
                if now + moving_s <= stall:
                    return now + moving_s - begun
                moving_s, now = moving_s - (stall - now), stall
            now = max(now, stall + self.stall_s)
            slot += 1
            if now + moving_s < slot * every:
                return now + moving_s - begun
            moving_s, now = moving_s - max(0.0, slot * every - now), max(now, slot * every)


def _link(
    name: str, p50: float, p95: float, down: float, up: float, loss: float, every: float = 0.0, stall: float = 0.0
) -> LinkModel:
    """Milliseconds, Mbit/s, share, seconds."""
    return LinkModel(name, p50 / 1e3, p95 / 1e3, down * 125_000, up * 125_000, loss, every, stall)


LINKS: dict[str, LinkModel] = {
    model.name: model
    for model in (
        _link("wifi_good", 15, 40, 40, 20, 0.001),
        _link("5g", 30, 70, 150, 20, 0.001, 600, 0.5),
        _link("lte", 60, 140, 12, 8, 0.003, 300, 1),
        _link("slow_4g", 150, 300, 1.6, 0.75, 0.005, 180, 2),
        _link("3g", 300, 600, 1.6, 0.75, 0.01, 120, 3),
        _link("edge", 840, 1500, 0.24, 0.2, 0.015, 60, 5),
        _link("lossy_wifi", 40, 250, 5, 1, 0.05),
        _link("metro", 60, 140, 12, 8, 0.003, 28, 8),  # lte for 20 s, a tunnel for 8, about
    )
}


@dataclass(frozen=True, slots=True)
class LinkTransit:
    """One attempt's way over a link, its draws made. Only sizes and instants are still open. Times in seconds."""

    model: LinkModel
    rtt_s: float
    draw: Draw
    shift: float
    place: Callable[[int], float]

    def before_s(self, bytes_out: int, at_s: float) -> float:
        """Until the request, which leaves at `at_s`, is at the server: half a round trip, its bytes, what was lost of
        them, and the stalls on its way."""
        moving = self.rtt_s / 2 + bytes_out / self.model.up + self._loss_s("up", bytes_out)
        return self.model.passing_s(at_s, moving, self.shift, self.place)

    def after_s(self, bytes_in: int, round_trips: int, at_s: float) -> float:
        """Until the reply, which the server gave at `at_s`, is on the phone. `round_trips`: of handshakes, if it needed
        a new connection."""
        moving = self.rtt_s * (round_trips + 0.5) + bytes_in / self.model.down + self._loss_s("down", bytes_in)
        return self.model.passing_s(at_s, moving, self.shift, self.place)

    def _loss_s(self, way: str, size: int) -> float:
        return loss_s(size, self.model.loss, self.rtt_s, lambda what: self.draw(f"{way} {what}"))


def loss_s(size: int, loss: float, rtt_s: float, draw: Draw) -> float:
    """Seconds that a write of `size` bytes waits for its lost segments: one draw decides whether, one where, and one
    each whether the repeat is lost too.

    :param loss: share of segments, 0 to 1.
    """
    segments = -(-size // SEGMENT)
    if not segments or draw("lost") >= 1 - (1 - loss) ** segments:
        return 0.0
    where = int(draw("where") * segments)
    if segments > TAIL and where < segments - TAIL:
        return rtt_s
    waited = timeout = max(LEAST_RTO_S, 1.5 * rtt_s)
    for repeat in range(MOST_DOUBLINGS):
        if draw(f"again {repeat}") >= loss:
            break
        timeout *= 2
        waited += timeout
    return waited
