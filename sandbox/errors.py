"""What the sandbox tells a person when it cannot do what was asked."""

from __future__ import annotations


class SandboxError(Exception):
    """Something about the sandbox itself is wrong: what happened, where, and what to do.

    Deliberately not a `HarnessError`: the sandbox stands on nothing of ours. Its text has the same shape.
    """

    def __init__(self, what: str, where: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.remedy:
            lines.append(f"  remedy: {self.remedy}")
        return "\n".join(lines)
