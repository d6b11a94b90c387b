"""Texts cut to what a CI system takes, never in the middle of a block. (pure)"""

from __future__ import annotations

SUMMARY_BYTES = 1024 * 1024
"""Of one step on GitHub ("Workflow commands", job summaries): a larger one is refused whole."""
COMMENT_CHARACTERS = 65_536
"""Of a comment on GitHub. GitLab takes a million; both get what fits the smaller."""
CUT = "_Cut to the size that is allowed here; summary.md in the run directory has all of it._"
_OPEN, _CLOSED = "<details>", "</details>"


def within(text: str, most: int, *, characters: bool = False) -> str:
    """`text` whole, or its first blocks (parted by empty lines) and a note, at most `most` bytes in UTF-8, or
    characters. Folds that were open are closed. Empty where not even the note fits."""

    def size(part: str) -> int:
        return len(part) if characters else len(part.encode())

    if size(text) <= most:
        return text
    kept, used, open_folds = "", 0, 0
    for block in text.split("\n\n"):
        folds = open_folds + block.count(_OPEN) - block.count(_CLOSED)
        part = block + "\n\n"
        if used + size(part) + _tail_size(folds, size(CUT)) > most:
            break
        kept, used, open_folds = kept + part, used + size(part), folds
    found = kept + "".join(f"{_CLOSED}\n\n" for _ in range(open_folds)) + CUT + "\n"
    return found if size(found) <= most else ""


def _tail_size(folds: int, note: int) -> int:
    return max(0, folds) * (len(_CLOSED) + 2) + note + 1
