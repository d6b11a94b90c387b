"""Which kind of program the app is that phones play: one in a browser, or one without. (pure)"""

from __future__ import annotations

import re
from enum import StrEnum

PRODUCTION_ORIGIN = "https://movinesta.app"
"""Where the shipped app is served from, and its functions let it."""
_ORIGIN = re.compile(r"https?://(?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
_DEFAULTS = {"http": ":80", "https": ":443"}


class AppClient(StrEnum):
    """A profile's `client`.

    browser   the shipped web client: it says where its page came from, asks before requests to another origin, offers
              the codings of a browser, writes a request once more that died on a kept connection, and opens six
              connections to a host
    native    the same app without a browser around it: none of that
    """

    BROWSER = "browser"
    NATIVE = "native"


def checked_origin(text: str) -> str:
    """An origin as browsers write it: scheme, host and a port that is not the scheme's usual one, in lower case.

    :raises ValueError: it is none.
    """
    origin = text.strip().removesuffix("/").lower()
    if not _ORIGIN.fullmatch(origin):
        raise ValueError(
            f"{text!r} is not the origin of an app; write scheme://host[:port], for example {PRODUCTION_ORIGIN}"
        )
    scheme, _, _ = origin.partition(":")
    return origin.removesuffix(_DEFAULTS[scheme])
