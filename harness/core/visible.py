r"""Other people's words as text: nothing in them moves a cursor, ends a line, turns its direction or hides. (pure)

What would is shown as its escape, `\x1b` for ESC. Whatever prints words that a target, a file or a record gave uses
this, once, where it prints; `in_json` is for JSON that people look at with `cat`.
"""

from __future__ import annotations

import re

_CONTROLS = "\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but tab and line feed, DEL, C1
_HIDDEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\U000e0000-\U000e0fff"
)  # soft hyphen, marks of direction, joiners, line and paragraph separators, selectors, tags, lone surrogates
_UNSEEN = re.compile(f"[{_CONTROLS}{_HIDDEN}]")
_LINE = re.compile(f"[\t\n{_CONTROLS}{_HIDDEN}]")
_COMMAND = re.compile(r"(?<!\S)::(?=[A-Za-z])")
"""What GitHub's runner would obey at the beginning of a line, wherever it is wrapped; and `##[` anywhere in it."""


def visible(text: str) -> str:
    r"""`text` as one line, every character of it to be seen: ESC as `\x1b`, a line end as `\n`."""
    if _LINE.search(text) is None and "::" not in text and "##[" not in text:
        return text
    shown = _LINE.sub(_escape, text)
    return _COMMAND.sub(r":\\x3a", shown).replace("##[", "#\\x23[")


def visible_lines(text: str, indent: str = "  ") -> str:
    """A message of several lines: they stay, the ones after the first indented, so that none looks like another
    message."""
    first, *rest = text.split("\n")
    lines = [visible(line.expandtabs(4)) for line in (first, *rest)]
    return "\n".join(
        [lines[0], *(line if line.startswith(indent) or not line else indent + line for line in lines[1:])]
    )


def in_json(text: str) -> str:
    r"""JSON text that means the same and holds no character unseen: they stand in it as `\uXXXX`."""
    return _UNSEEN.sub(_json_escape, text)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    short = {9: "\\t", 10: "\\n", 13: "\\r"}.get(code)
    return short or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")


def _json_escape(found: re.Match[str]) -> str:
    data = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{data[place]:02x}{data[place + 1]:02x}" for place in range(0, len(data), 2))
