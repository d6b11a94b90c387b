"""Errors that say what happened, where, and what to do; and the exit codes of every command.

HarnessError            70, an internal error
├── UsageError           2, the command line or a configuration file is wrong
├── TargetError         40, the target is not ready or this run may not touch it
└── EndedByHand         30, somebody has taken the load off
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from harness.core.secret_filter import WORDS


class ExitCode(IntEnum):
    """What the process answers to its caller. `docs/exit-codes.md` is this table in prose."""

    PASS = 0
    USAGE = 2
    SLO_MISSED = 10
    DATA = 11
    REGRESSION = 12
    INCONCLUSIVE = 20
    ABORTED = 30
    TARGET = 40
    INTERNAL = 70


PRECEDENCE = (
    ExitCode.INTERNAL,
    ExitCode.USAGE,
    ExitCode.TARGET,
    ExitCode.ABORTED,
    ExitCode.DATA,
    ExitCode.SLO_MISSED,
    ExitCode.REGRESSION,
    ExitCode.INCONCLUSIVE,
    ExitCode.PASS,
)
"""When several apply, the first of these wins. (`reports.verdict` has the exception: a generator that is in doubt.)"""


def first_of(codes: Iterable[ExitCode]) -> ExitCode:
    """The one code a process exits with when all of `codes` apply; PASS for none."""
    return min(codes, key=PRECEDENCE.index, default=ExitCode.PASS)


class HarnessError(Exception):
    """What a person has to know: what happened, where, and what to do. Holds no secret, whatever it quotes."""

    exit_code = ExitCode.INTERNAL

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        self.what, self.where, self.remedy = (WORDS.text(words) for words in (what, where, remedy))
        super().__init__(self.what)

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  where: {self.where.replace(chr(10), chr(92) + 'n')}")
        if self.remedy:
            lines.append(f"  remedy: {self.remedy}")
        return "\n".join(lines)


class UsageError(HarnessError):
    """The command line or a configuration file is wrong."""

    exit_code = ExitCode.USAGE


class TargetError(HarnessError):
    """The target is not ready, not reachable, or this run may not touch it."""

    exit_code = ExitCode.TARGET


class EndedByHand(HarnessError):
    """Somebody has taken the load off, so that no more of it is made."""

    exit_code = ExitCode.ABORTED
