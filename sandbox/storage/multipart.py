"""`multipart/form-data` bodies (RFC 7578), as far as storage-js sends them: a few fields and one file. (pure)"""

from __future__ import annotations

import re
from dataclasses import dataclass

PARTS_LIMIT = 16
_BOUNDARY = re.compile(r'boundary=(?:"([^"]{1,70})"|([^\s;,"]{1,70}))', re.IGNORECASE)
_PARAMETER = re.compile(r';\s*([a-z*]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;]*))', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """One part; filename is None for a plain field."""

    name: str
    filename: str | None
    content_type: str
    content: bytes


def parse(content_type: str, body: bytes) -> list[Part]:
    """The parts in their order. :raises ValueError: saying what is malformed, or that there are too many parts."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise ValueError("Multipart: Boundary not found")
    delimiter = b"--" + (found.group(1) or found.group(2)).encode("latin-1")
    if not body.startswith(delimiter):
        raise ValueError("Malformed part header")
    # Content may hold the delimiter's text; it ends a part only at a line's start.
    pieces = (b"\r\n" + body).split(b"\r\n" + delimiter)
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise ValueError("Unexpected end of form")
    if len(pieces) - 2 > PARTS_LIMIT:
        raise ValueError("reach parts limit")
    return [_part(piece) for piece in pieces[1:-1]]


def _part(piece: bytes) -> Part:
    head, separator, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    if not separator:
        raise ValueError("Malformed part header")
    headers = {}
    for line in head.decode("utf-8", "replace").split("\r\n"):
        name, colon, value = line.partition(":")
        if not colon:
            raise ValueError("Malformed part header")
        headers[name.strip().lower()] = value.strip()
    disposition = headers.get("content-disposition", "")
    if not disposition.lower().startswith("form-data"):
        raise ValueError("Malformed part header")
    parameters = {key.lower(): quoted or plain for key, quoted, plain in _PARAMETER.findall(disposition)}
    filename = parameters.get("filename")
    return Part(parameters.get("name", ""), filename, headers.get("content-type", "text/plain"), content)
