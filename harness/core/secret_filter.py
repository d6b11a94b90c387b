"""What stands before every record, log, terminal and page: known secrets leave a text as `[redacted]`. (pure)

A secret is found as it is, and as it stands in an address, in JSON, in HTML, in base64 (both alphabets, at each of the
three alignments, with padding or without), in hex; and in each of these forms also when line ends or spaces part it.
Letters' case makes no difference. What looks like a token goes as well (`SecretFilter.text`).

Cheap: looking costs one search of the bytes per form, and only where one is found is anything done about it. What is
cut is cut afterwards (half a secret is not one that a filter can know).
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, quote_plus, unquote, urlsplit

MASK = "[redacted]"
SHORTEST = 6
"""Characters. What is shorter also stands in texts that have nothing to do with it: it cannot be told from them."""
LONGEST_REMEMBERED, MANY = 256, 4_096
FEW = 10
PIECE = 16
"""Characters of a piece of a token that are as good as the whole."""

_JOINT = r"(?:[\s\x00-\x1f]|\\+[nrt]|%0[ad]|&#(?:1[03]|x0?[ad]);)*+"
_JOINTS = re.compile(rb"\\+[nrt]|%0[ad]|&#(?:1[03]|x0?[ad]);")
_BLANKS = bytes(range(33))
_TOKENS = (
    ("eyJ", re.compile(r"eyJ[\w-]{6,}\.[\w-]+\.[\w-]*")),  # a JSON web token
    ("earer ", re.compile(r"(?<=[Bb]earer )[^\s\"',}]+")),
    (
        "_token",
        re.compile(
            r"(?<=_token\":\")[^\"]+|(?<=_token\": \")[^\"]+|(?<=_token': ')[^']+|(?<=_token=)[^\s&\"']+"
            r"|(?<=_token\\\":\\\")[^\"\\]+"
        ),
    ),
    # user and password in an address; a password may hold a slash, which a port may not
    ("://", re.compile(r"(?<=://)(?:[^\s/@]+|[^\s/@:\[]+:(?![0-9]+[/?#])[^\s@]+)(?=@)")),
)


class SecretFilter:
    """Knows secrets, and takes them out of what is to be written. Any thread may use it; none ever waits."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._known: frozenset[str] = frozenset()
        self._needles: dict[bytes, re.Pattern[str] | None] = {}  # form, as it is searched for -> made at its first hit
        self._searched: tuple[tuple[bytes, bytes, bytes], ...] = ()  # a few bytes of it, it, and it without blanks
        self._remembered: dict[str, str] = {}
        for secret in secrets:
            self.learn(secret)

    def learn(self, secret: str) -> None:
        """From now on this does not pass."""
        if secret in self._known or len(secret) < SHORTEST:
            return
        needles = dict(self._needles)
        for form in forms(secret):
            needles.setdefault(form.encode(errors="surrogatepass").lower(), None)
        longest_first = sorted(needles, key=len, reverse=True)
        self._searched = tuple((_few(tight), needle, tight) for needle in longest_first if (tight := _squeezed(needle)))
        self._needles, self._known, self._remembered = needles, self._known | {secret}, {}

    def forget(self) -> None:
        """Know nothing any more; for tests, of which one's secret is another's word."""
        self._known, self._needles, self._searched, self._remembered = frozenset(), {}, (), {}

    def text(self, text: str) -> str:
        """The same without secrets, and without what looks like a token. :returns: `text` itself when clean."""
        for sign, pattern in _TOKENS:
            if sign in text:
                text = pattern.sub(MASK, text)
        return self.known(text)

    def known(self, text: str) -> str:
        """The same without known secrets: for text of our own that may look like anything, such as a page's script."""
        if not self._searched or len(text) < SHORTEST:
            return text
        for needle in self._found(text.encode(errors="surrogatepass").lower()):
            text = self._pattern(needle).sub(MASK, text)
        return text

    def word(self, text: str) -> str:
        """`text` for words that come again and again, such as error codes: remembered."""
        if len(text) > LONGEST_REMEMBERED:
            return self.text(text)
        found = self._remembered.get(text)
        if found is None:
            remembered = self._remembered
            if len(remembered) >= MANY:
                remembered.clear()
            found = remembered[text] = self.text(text)
        return found

    def cell(self, text: str) -> str:
        """`text` for a table's cell: known secrets and whole tokens. What else only looks like one may be data."""
        sign, pattern = _TOKENS[0]
        return self.known(pattern.sub(MASK, text) if sign in text else text)

    def suspects(self, text: str) -> bool:
        """Whether `cell` might change any part of this."""
        return _TOKENS[0][0] in text or self.holds(text.encode(errors="surrogatepass"))

    def is_secret(self, text: str) -> bool:
        """Whether this is one of them, as it is."""
        return text in self._known

    def value(self, value: object) -> object:
        """`text` for every text of a JSON tree, names included; anything else is as it was."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.value(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(one) for one in value]
        return value

    def holds(self, data: bytes) -> bool:
        """Whether any known secret stands in these bytes."""
        return next(self._found(data.lower()), None) is not None

    def _found(self, lowered: bytes) -> Iterator[bytes]:
        """The forms that stand there, the longest first."""
        squeezed = _squeezed(lowered)
        if len(squeezed) == len(lowered):
            for few, needle, _ in self._searched:
                if few in lowered and needle in lowered:
                    yield needle
            return
        for few, needle, tight in self._searched:
            if (few in squeezed and tight in squeezed) or (few in lowered and needle in lowered):
                yield needle

    def _pattern(self, needle: bytes) -> re.Pattern[str]:
        pattern = self._needles.get(needle)
        if pattern is None:
            letters = [re.escape(letter) for letter in needle.decode(errors="surrogatepass") if not letter.isspace()]
            pattern = self._needles[needle] = re.compile(_JOINT.join(letters), re.IGNORECASE)
        return pattern


WORDS = SecretFilter()
"""This process's: it knows every `harness.core.secret.Secret` that was ever made in it."""


def forms(secret: str) -> set[str]:
    """How a secret may stand in a text. What would be shorter than SHORTEST is left out."""
    found: set[str] = set()
    for one in {secret, *_parts(secret)}:
        data = one.encode(errors="surrogatepass")
        found |= {one, json.dumps(one)[1:-1], json.dumps(one, ensure_ascii=False)[1:-1], repr(one)[1:-1]}
        found |= {json.dumps(json.dumps(one))[3:-3], html.escape(one), data.hex()}
        found |= {quote(data, safe=""), quote(data), quote_plus(data), "".join(f"%{byte:02x}" for byte in data)}
        for coded in _base64(data):
            found |= {coded, quote(coded, safe=""), coded.replace("/", "\\/")}
    return {form for form in found if len(form) >= SHORTEST}


def _parts(secret: str) -> Iterator[str]:
    """What is a secret by itself: the password of a connection string, the claims and the signature of a token."""
    if "://" in secret:
        try:
            password = urlsplit(secret).password or ""
        except ValueError:
            return
        yield from (part for part in (password, unquote(password)) if len(part) >= SHORTEST)
    elif secret.startswith("eyJ"):
        yield from (part for part in secret.split(".")[1:] if len(part) >= PIECE)


def _base64(data: bytes) -> Iterator[str]:
    """Both alphabets, at each alignment, without the characters that depend on what stands before and after."""
    for before in range(3):
        coded = base64.b64encode(bytes(before) + data).decode().rstrip("=")
        first = -(-before * 8 // 6)
        last = (before + len(data)) * 8 // 6
        middle = coded[first:last]
        if len(middle) >= SHORTEST:
            yield from {middle, middle.translate(str.maketrans("+/", "-_"))}


def _few(tight: bytes) -> bytes:
    """Bytes that tell quickly whether it is worth looking for the whole: its last, where tokens differ."""
    return tight[-FEW:]


def _squeezed(lowered: bytes) -> bytes:
    """Without what may part a secret."""
    if b"\\" in lowered or b"%0" in lowered or b"&#" in lowered:
        lowered = _JOINTS.sub(b"", lowered)
    return lowered.translate(None, _BLANKS)
