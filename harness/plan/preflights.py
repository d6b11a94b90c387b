"""How often a session's browser asks before its requests: a session laid out in time, and the phones' own cache. (pure)

A page in a browser comes from another origin than the API, so each request that the cache does not know of is preceded
by a question (`harness.core.cors`). How many those are follows from the calls: nearly every read has a URL of its own,
writes and RPCs have one URL for all, and functions are forgotten after five seconds.

A session is laid out so: what opens the app at its beginning, everything else evenly over its length. Function calls of
one page load leave together, before any of them has been answered; other calls of one occasion follow each other.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from harness.core.cors import DEFAULT_AGE_S, LONGEST_AGE_S, Ask, Grant, PreflightCache
from harness.plan.calls import CALLS, PREFLIGHT, CallKind, Driver, Endpoint, PlannedCall, counts
from harness.plan.inputs import PlanInputs

__all__ = ["PREFLIGHT", "preflights"]

ANSWERED_S = 0.05
"""From a question to its answer."""
APART_S = 0.1
"""Between calls of one occasion, in the order of the table, and between requests of one call."""
SCREEN_S = 10.0
"""From the app's opening to the person's own screen."""
OPENING = frozenset((Driver.REFRESH, Driver.LOAD, Driver.LANDING, Driver.BACKGROUND, Driver.SIGN_UP, Driver.FRESH_LOAD))
SCREENS = frozenset((Driver.HOME, Driver.SWIPE_PAGE))
NEW_WITH: Mapping[Driver, tuple[Driver, ...]] = {
    Driver.SWIPE: (Driver.SWIPE,),
    Driver.AHEAD: (Driver.AHEAD,),
    Driver.TITLE: (Driver.TITLE,),
    Driver.QUERY: (Driver.QUERY,),
    Driver.OPEN: (Driver.OPEN,),
    Driver.POLL: (Driver.OPEN,),
    Driver.CHAT_SECOND: (Driver.OPEN,),
    Driver.DIRECT_MESSAGE: (Driver.OPEN,),
}
"""What makes the URL of a read another one: a card, a title, a query, a conversation. All others stay the same."""
MOST = 500
"""Occasions of a kind that are laid out one by one; of more, as many in a like share of the time stand for all."""

_FIRST_ROWS = {call.per: number for number, call in reversed(tuple(enumerate(CALLS)))}
_ASK = Ask("GET", ())
_AGES = {True: DEFAULT_AGE_S, False: LONGEST_AGE_S}
"""Functions do not say how long their answer holds; auth, REST and storage say a day: browsers keep it two hours."""
_GRANTS = {edge: Grant(frozenset("*"), frozenset((b"*",)), age_s) for edge, age_s in _AGES.items()}


class _Request(NamedTuple):
    """One request of the laid-out session, and how many real ones it stands for. at: seconds since its beginning."""

    at: float
    url: str
    edge: bool
    weight: float


def preflights(units: Mapping[Driver, float], inputs: PlanInputs) -> float:
    """Questions in one session with these driver amounts; none where the app runs outside a browser."""
    if not inputs.browser:
        return 0.0
    amounts = tuple((driver, amount) for driver, amount in units.items() if amount > 0)
    each = tuple(counts(call, inputs)[0] for call in CALLS if call.times_of)
    return _asked(amounts, inputs.session_seconds, each)


@lru_cache(maxsize=1024)  # most changes of an input leave the sessions as they are
def _asked(amounts: tuple[tuple[Driver, float], ...], session_s: float, each: tuple[float, ...]) -> float:
    units, others = dict(amounts), iter(each)
    laid_out = sorted(
        request
        for number, call in enumerate(CALLS)
        for request in _requests(number, call, units, session_s, next(others) if call.times_of else call.times)
    )
    cache, answers, asked = PreflightCache(), deque[_Request](), 0.0
    for request in laid_out:
        while answers and answers[0].at + ANSWERED_S <= request.at:
            answer = answers.popleft()
            cache.learn(answer.url, _GRANTS[answer.edge], answer.at + ANSWERED_S)
        if not cache.allows(request.url, _ASK, request.at):
            asked += request.weight
            answers.append(request)
    return asked


def _requests(
    number: int, call: PlannedCall, units: Mapping[Driver, float], session_s: float, each: float
) -> Iterator[_Request]:
    """Of one row of the table, over the session. each: requests on one occasion."""
    occasions = units.get(call.per, 0.0)
    if call.nested or call.endpoint.simple or occasions <= 0 or each <= 0:
        return
    if each < 1:  # of several occasions one has it
        occasions, each = occasions * each, 1.0
    together = math.ceil(each)
    shown = math.ceil(min(occasions, MOST))
    edge = call.endpoint.kind is CallKind.EDGE
    different = _different(call, units)
    stand_for = occasions / shown if edge or different >= occasions else 1.0
    gap, row_s = session_s / max(occasions, 1.0), APART_S * (number - _FIRST_ROWS[call.per])
    for occasion in range(shown):
        begins = _begins(call, occasion, gap)
        subject = math.floor(occasion * min(1.0, math.ceil(different) / shown))
        for place in range(together):
            after = place * gap / together if call.spread else place * APART_S
            at = begins if edge and call.per in OPENING else begins + row_s + after
            weight = stand_for * min(1.0, each - place)
            yield _Request(at, _url(number, call, subject, place), edge, weight)


def _begins(call: PlannedCall, occasion: int, gap: float) -> float:
    if call.per in OPENING:
        return occasion * gap
    return SCREEN_S + occasion * gap if call.per in SCREENS else (occasion + 0.5) * gap


def _different(call: PlannedCall, units: Mapping[Driver, float]) -> float:
    """How many URLs the occasions of a call have between them."""
    new_with = call.new_with or (NEW_WITH.get(call.per, ()) if _reads(call.endpoint) else ())
    return max(1.0, sum(units.get(driver, 0.0) for driver in new_with))


def _reads(endpoint: Endpoint) -> bool:
    return endpoint.name.startswith(("GET ", "HEAD ", "DELETE "))


def _url(number: int, call: PlannedCall, subject: int, place: int) -> str:
    """The same for requests that share one. What reads names what it wants in its URL; so do paths of stored files."""
    own = _reads(call.endpoint) or call.endpoint.kind is CallKind.STORAGE
    return f"{number} {subject} {place}" if own else call.endpoint.name
