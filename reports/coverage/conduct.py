"""Sentences about how app and target behave: asked by faults, by limits that were reached, by Realtime. (pure)"""

from __future__ import annotations

from dataclasses import dataclass

from harness.core.ledger import WriteKind
from reports.coverage.ask import Ask, AskAnswer, broken, held, not_asked
from reports.coverage.judged_run import JudgedRun
from reports.recovery.model import FaultReport
from reports.text import count, plural


def _hit(run: JudgedRun, faults: tuple[str, ...]) -> list[FaultReport]:
    """Windows of these faults that really hit something."""
    windows = run.recovery.faults if run.recovery is not None else ()
    return [window for window in windows if window.fault in faults and window.hits]


@dataclass(frozen=True)
class AskRetries(Ask):
    """A condition: phones sent writes of this kind more than once, because of a fault."""

    kind: WriteKind

    def of(self, run: JudgedRun) -> AskAnswer:
        windows = run.recovery.faults if run.recovery is not None else ()
        kind = self.kind.name.lower()
        repeated = sum(row.retries for window in windows for row in window.writes if row.kind == kind)
        if not repeated:
            return not_asked(f"no {kind} was sent again under a fault")
        return held(run, f"{plural(repeated, f'retry of {kind}s', f'retries of {kind}s')}")

    def words(self) -> str:
        return f"{self.kind.name.lower()}s sent again under a fault"


@dataclass(frozen=True)
class AskRecovery(Ask):
    """The target came back by itself after each of these faults that hit."""

    faults: tuple[str, ...]

    def of(self, run: JudgedRun) -> AskAnswer:
        windows = _hit(run, self.faults)
        if not windows:
            return not_asked(f"no fault of the kinds {', '.join(self.faults)} hit anybody")
        lines = {status: [one for one in windows if one.recovered.status == status] for status in ("never", "unknown")}
        if never := lines["never"]:
            return broken(f"{never[0].name}: never recovered")
        if unknown := lines["unknown"]:
            note = unknown[0].recovered.note
            return not_asked(f"{unknown[0].name}: recovery unknown{f' ({note})' if note else ''}")
        return held(run, ", ".join(f"{one.name}: {one.recovered.text}" for one in windows))

    def words(self) -> str:
        return f"recovery from {' or '.join(f'`{name}`' for name in self.faults)}"


@dataclass(frozen=True)
class AskQueues(Ask):
    """What phones held back during one of these faults was sent afterwards."""

    faults: tuple[str, ...]

    def of(self, run: JudgedRun) -> AskAnswer:
        windows = [one for one in _hit(run, self.faults) if one.queue is not None and one.queue.at_end]
        if not windows:
            return not_asked(f"nothing was held back by a fault of the kinds {', '.join(self.faults)}")
        for one in windows:
            if one.queue is not None and one.queue.drained_after_s is None:
                text = f"{one.name}: {one.queue.text or 'whether the queues drained is not known'}"
                return broken(text) if one.recovered.status == "never" else not_asked(text)
        return held(run, ", ".join(f"{one.name}: {one.queue.text}" for one in windows if one.queue is not None))

    def words(self) -> str:
        return f"queues after {' or '.join(f'`{name}`' for name in self.faults)}"


@dataclass(frozen=True)
class AskLimit(Ask):
    """A limiter refused one of these calls. That there is none cannot be seen by a run that reached no limit."""

    calls: tuple[str, ...]

    def of(self, run: JudgedRun) -> AskAnswer:
        refused = {name: run.limited[name] for name in self.calls if run.limited.get(name)}
        if not refused:
            return not_asked(f"nobody reached a limit of {', '.join(self.calls)}")
        return held(run, ", ".join(f"{name} limited {count(number)} times" for name, number in refused.items()))

    def words(self) -> str:
        return f"a limiter's answer to {' or '.join(f'`{name}`' for name in self.calls)}"


@dataclass(frozen=True)
class AskDelivery(Ask):
    """Realtime lost, doubled and misdelivered nothing, and there was something to deliver to others."""

    def of(self, run: JudgedRun) -> AskAnswer:
        found = run.realtime
        if found is None:
            return not_asked("no phone used Realtime")
        if found.reasons:
            return broken("; ".join(reason.rstrip(".") for reason in found.reasons))
        came = sum(row.delivered for row in found.members if row.what == MESSAGES)
        if not came:
            return not_asked("no message reached another member's socket")
        return held(
            run, f"{plural(came, 'delivery', 'deliveries')} to other members, none lost, doubled or misdelivered"
        )

    def words(self) -> str:
        return "Realtime: messages lost, doubled, misdelivered"


@dataclass(frozen=True)
class AskTyping(Ask):
    """Typing signals that were broadcast reached the other members' sockets."""

    def of(self, run: JudgedRun) -> AskAnswer:
        rows = [row for row in run.realtime.members if row.what == TYPING] if run.realtime is not None else []
        lost, came = sum(row.lost for row in rows), sum(row.delivered for row in rows)
        if lost:
            return broken(f"{plural(lost, 'typing signal')} lost of {count(lost + came)}")
        if not came:
            return not_asked("nobody typed while another member had the conversation open")
        return held(run, f"{plural(came, 'typing signal')} came, none lost")

    def words(self) -> str:
        return "Realtime: typing signals lost"


MESSAGES, TYPING = "messages to others", "typing signals to others"
"""As `reports.realtime` calls them."""
