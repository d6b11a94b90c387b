"""The levers that a plan knows: names, what they may be set to, and the app that they make. (pure)

Names are those of `harness levers`. A lever without a model moves nothing that a plan counts by rule; only what was
measured says what it does.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from harness.core.errors import UsageError
from harness.core.frozen_model import closest
from harness.core.retry_policies import RetryPolicy
from harness.plan.app import SHIPPED, AppSettings

WHERE = "--lever"
Setting = float | str


@dataclass(frozen=True, slots=True)
class Lever:
    """One lever. low, high: what a number may be; choices: the words it may be instead."""

    name: str
    what: str
    low: float = 0.0
    high: float = 0.0
    whole: bool = False
    choices: tuple[str, ...] = ()
    modelled: bool = True
    tried: Setting | None = None  # what the plan's table of levers sets it to

    @property
    def allowed(self) -> str:
        """In words."""
        return ", ".join(self.choices) if self.choices else f"{self.low:g} to {self.high:g}"


LEVERS: Mapping[str, Lever] = {
    lever.name: lever
    for lever in (
        Lever("background_decks", "decks that no screen reads, per page load", 0, 4, whole=True, tried=0),
        Lever("batch_size", "swipe events gathered for one request", 1, 50, whole=True, tried=25),
        Lever("batch_wait_s", "seconds that they are gathered for", 0, 3_600),
        Lever("deck_first", "cards of the swipe page's first deck", 12, 200, whole=True, tried=36),
        Lever("deck_refill", "cards of each further one", 12, 200, whole=True),
        Lever("deck_ttl_s", "seconds that a page load's decks are kept", 0, 86_400, tried=300),
        Lever("read_ahead", "titles read before their card is on top", 0, 60, whole=True, tried=2),
        Lever("chat_poll_s", "seconds between polls of an open chat", 1, 3_600, tried=30),
        Lever("list_poll_s", "seconds between reads of the chat list", 5, 3_600, tried=300),
        Lever(
            "live",
            "what brings messages to open chats",
            choices=("changes", "broadcast", "broadcast_messages"),
            tried="broadcast",
        ),
        Lever("presence", "who joins the global presence", choices=("always", "chats", "off"), tried="off"),
        Lever("presence_every_s", "seconds between presence tracks", 5, 3_600, tried=60),
        Lever("last_seen_every_s", "seconds between writes of last_seen", 5, 3_600, tried=300),
        Lever("receipts_every_s", "seconds that receipts are gathered for", 0, 600, tried=5),
        Lever("stale_factor", "how much longer what was read stays fresh", 0.001, 1_000, modelled=False),
        Lever("refetch_on_focus", "read again on coming back", choices=("on", "off"), modelled=False),
        Lever("rerank", "decks and searches ranked again", choices=("on", "off"), modelled=False),
        Lever("retry_policy", "who tries again, and when", choices=tuple(RetryPolicy), modelled=False),
    )
}


def parse(given: Iterable[str]) -> dict[str, Setting]:
    """Of `name=value`, as on a command line. :raises UsageError: unknown, out of range, twice, or no such form."""
    found: dict[str, Setting] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"{text!r} sets no lever", where=WHERE, remedy="write name=value, such as batch_size=25")
        lever = known(name.strip())
        if lever.name in found:
            raise UsageError(f"{lever.name} is set twice", where=WHERE, remedy="set each lever once")
        found[lever.name] = _setting(lever, value.strip())
    return found


def known(name: str) -> Lever:
    """:raises UsageError: there is no such lever."""
    if name not in LEVERS:
        raise UsageError(f"there is no lever {name!r}", where=WHERE, remedy=closest(name, LEVERS))
    return LEVERS[name]


def checked(settings: Mapping[str, object]) -> dict[str, Setting]:
    """Of a file's table. :raises UsageError: as `parse`."""
    found: dict[str, Setting] = {}
    for name, value in settings.items():
        lever = known(name)
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise _refused(lever, value)
        found[name] = _setting(lever, str(value))
    return found


def _setting(lever: Lever, text: str) -> Setting:
    if lever.choices:
        if text not in lever.choices:
            raise _refused(lever, text)
        return text
    try:
        number = float(text)
    except ValueError:
        raise _refused(lever, text) from None
    if not math.isfinite(number) or not lever.low <= number <= lever.high or (lever.whole and number % 1):
        raise _refused(lever, text)
    return int(number) if lever.whole else number


def _refused(lever: Lever, value: object) -> UsageError:
    whole = ", whole numbers" if lever.whole else ""
    return UsageError(
        f"{lever.name} = {value} is nothing it can be set to", where=WHERE, remedy=f"give {lever.allowed}{whole}"
    )


def pulled(settings: Mapping[str, Setting], app: AppSettings = SHIPPED) -> AppSettings:
    """The app with these levers. :raises UsageError: one of them has no model."""
    for name in settings:
        if not known(name).modelled:
            raise UsageError(
                f"no rule says what {name} does to a day's load",
                where=WHERE,
                remedy="measure it with `harness levers`, and give its result with --measured",
            )
    return replace(app, **settings)  # type: ignore[arg-type]
