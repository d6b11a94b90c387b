"""`multipart/form-data` bodies, as far as storage-js sends them, with storage-api's words for what is wrong. (pure)"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

PARTS_LIMIT = 16
BOUNDARY_LIMIT = 70  # RFC 2046, 5.1.1
HEADERS_LIMIT = 2000  # of a part, and the bytes of each: busboy's, which storage-api uses
HEADER_BYTES_LIMIT = 80 * 1024
_MALFORMED = "Malformed part header"


@dataclass(frozen=True, slots=True)
class FormPart:
    """One part; filename is None for a plain field."""

    name: str
    filename: str | None
    content_type: str
    content: bytes


class _Form:
    """Collects what the parser finds; its methods are the parser's callbacks."""

    def __init__(self) -> None:
        self.parts: list[FormPart] = []
        self.ended = False
        self._headers: list[tuple[bytearray, bytearray]] = []
        self._content: list[bytes] = []

    def on_part_begin(self) -> None:
        if len(self.parts) == PARTS_LIMIT:
            raise ValueError("reach parts limit")
        self._headers, self._content = [], []

    def on_header_begin(self) -> None:
        self._headers.append((bytearray(), bytearray()))

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._headers[-1][0].extend(data[start:end])

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._headers[-1][1].extend(data[start:end])

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._content.append(data[start:end])

    def on_part_end(self) -> None:
        headers = {bytes(name).strip().lower(): bytes(value).strip() for name, value in self._headers}
        kind, options = parse_options_header(headers.get(b"content-disposition"))
        if kind != b"form-data":
            raise ValueError(_MALFORMED)
        name, filename = options.get(b"name", b""), options.get(b"filename")
        content_type = headers.get(b"content-type", b"text/plain").decode("utf-8", "replace")
        self.parts.append(
            FormPart(
                name.decode("utf-8", "replace"),
                None if filename is None else filename.decode("utf-8", "replace"),
                content_type,
                b"".join(self._content),
            )
        )

    def on_end(self) -> None:
        self.ended = True

    def callbacks(self) -> MultipartCallbacks:
        """Under the names that the parser knows."""
        return {
            "on_part_begin": self.on_part_begin,
            "on_header_begin": self.on_header_begin,
            "on_header_field": self.on_header_field,
            "on_header_value": self.on_header_value,
            "on_part_data": self.on_part_data,
            "on_part_end": self.on_part_end,
            "on_end": self.on_end,
        }


def parse(content_type: str, body: bytes) -> list[FormPart]:
    """The parts in their order. :raises ValueError: saying what is malformed, or that there are too many parts."""
    boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
    if not 0 < len(boundary) <= BOUNDARY_LIMIT:
        raise ValueError("Multipart: Boundary not found")
    if not body.startswith(b"--" + boundary):  # the parser would skip line ends before it
        raise ValueError(_MALFORMED)
    form = _Form()
    parser = MultipartParser(
        boundary, form.callbacks(), max_header_count=HEADERS_LIMIT, max_header_size=HEADER_BYTES_LIMIT
    )
    try:
        parser.write(body)
    except FormParserError as error:
        raise ValueError(_MALFORMED) from error
    if not form.ended:
        raise ValueError("Unexpected end of form")
    return form.parts
