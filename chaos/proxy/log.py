"""What the proxy tells while it runs: one line an event, `what key=value ...`, through the logger `chaos.proxy`.

INFO: proxies, accepted clients, faults set, changed and ended. DEBUG: upstreams reached, connections' ends, API calls.
WARNING: an upstream that cannot be reached. Nothing of what passes through is told, and no credentials of an upstream.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from logging import DEBUG, INFO, WARNING

__all__ = ["DEBUG", "INFO", "WARNING", "log_to_stderr", "tell", "told"]

_log = logging.getLogger("chaos.proxy")
_PLAIN = re.compile(r"[^\s\"=\\\x00-\x1f\x7f]+")


def log_to_stderr(level: str) -> None:
    """Have lines from this level on (`debug`, `info`, ...) on standard error; of libraries, warnings."""
    logging.basicConfig(level=WARNING, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    _log.setLevel(level.upper())


def told(level: int) -> bool:
    """Whether lines of that level go anywhere: ask before what costs something to find out."""
    return _log.isEnabledFor(level)


def tell(level: int, what: str, /, **values: object) -> None:
    """One line. Values with blanks, quotes or control characters stand in JSON's quotes."""
    if _log.isEnabledFor(level):
        _log.log(level, "%s%s", what, "".join(f" {key}={_shown(value)}" for key, value in values.items()))


def _shown(value: object) -> str:
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text)
