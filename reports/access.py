"""Did everybody get in, and get done what they came for? (pure)

Over the whole run, warm-up included, because who is kept out in the warm-up does nothing later either; without what
overlaps a fault that the profile itself plans. A row is

- held: enough went well to show that at most 1 % does not
- unshown: nothing speaks against it, and there are too few to show it
- doubt: some did not, of too few to be sure, or of a kind that may be the set-up's; the run is inconclusive
- missed: more than 1 % did not, for certain. Exit code 10.

A sign-in limit that keeps people out is a finding of its own, whoever's fault it is: the load was not the planned one,
and what those people would have met is unknown. One person kept out is a doubt, several are a miss, never a pass.
"""

from __future__ import annotations

from typing import Literal

import pandas as pd

from harness.core.fault_record import excused
from harness.core.outcome import OUTCOMES, Outcome
from harness.core.session_end import BROKEN_OFF, SessionEnd
from harness.core.tables import View
from reports import intervals
from reports.frames import Frames
from reports.intervals import SURE, Evidence
from reports.model import ReportModel
from reports.statistics import binomial
from reports.text import count, plural

AccessStatus = Literal["held", "unshown", "doubt", "missed"]
ALLOWED = 0.01
"""Share of people, sessions and attempts to get in that may fail."""
SURE_PEOPLE = 3
"""So many people kept out by a limit are a miss."""
ENDS_PER_HOUR = 1.0
"""Of an open socket, at most so many ends an hour: where sockets are open for seconds, few of them are many."""
SOCKET_END = "realtime_drop"
"""The end of an open socket that its phone did not close: no request, so the catch-all leaves it to this module."""
CORE_CALLS: dict[str, tuple[str, ...]] = {
    "swiper": ("swipe_deck",),
    "commuter": ("swipe_deck",),
    "reader": ("home_feed",),
    "chatter": ("message_send",),
    "assistant_user": ("message_send",),
    "searcher": ("media_search", "tmdb_search"),
    "newcomer": ("sign_up",),
}
"""What a persona's session is about: calls of which one at least is made, unless nothing of the plan happened."""


class AccessRow(ReportModel):
    """One question about getting in and getting done."""

    id: str
    title: str
    looked_at: int
    bad: int
    status: AccessStatus
    text: str

    @property
    def sentence(self) -> str:
        """The row as a reason."""
        return f"{self.text}."


def judge(frames: Frames) -> tuple[AccessRow, ...]:
    """Rows for whatever the run had; none for a run whose record has no catch-all, as it was judged then."""
    if frames.manifest.catch_all is None:
        return ()
    faults = excused([window.model_copy(update={"judged": False}) for window in frames.manifest.chaos])
    sessions = _calm_sessions(frames.arrivals, faults)
    rows = (
        _limited(sessions),
        _operation(frames, faults, "sign_in", "people who sign in get in", "sign-ins"),
        _operation(frames, faults, "sign_up", "people who sign up get in", "sign-ups"),
        _operation(frames, faults, "app_open", "the app opens", "app openings"),
        _completed(sessions),
        _begun(sessions, frames),
        *_never_happened(frames, sessions),
        _sockets(frames, faults),
    )
    return tuple(row for row in rows if row is not None)


def _calm_sessions(arrivals: pd.DataFrame, faults: list[tuple[float, float]]) -> pd.DataFrame:
    begun = arrivals["started_us"].fillna(arrivals["planned_us"]) / 1e6
    ended = arrivals["ended_us"].fillna(arrivals["started_us"]).fillna(arrivals["planned_us"]) / 1e6
    calm = pd.Series(True, index=arrivals.index)
    for start, end in faults:
        calm &= (ended <= start) | (begun >= end)
    return arrivals[calm]


def _calm_operations(samples: pd.DataFrame, faults: list[tuple[float, float]]) -> pd.DataFrame:
    calm = pd.Series(True, index=samples.index)
    for start, end in faults:
        calm &= (samples["second"] + 1 <= start) | (samples["second"] >= end)
    return samples[calm]


def _limited(sessions: pd.DataFrame) -> AccessRow | None:
    started = sessions[sessions["started_us"].notna()]
    if started.empty:
        return None
    refused = started[started["end"] == SessionEnd.LIMITED]
    got_in = set(started.loc[~started["end"].isin([SessionEnd.LIMITED, SessionEnd.KEPT_OUT]), "person"])
    people, kept_out = started["person"].nunique(), set(refused["person"]) - got_in
    late = len(set(refused["person"])) - len(kept_out)
    status: AccessStatus = "missed" if len(kept_out) + late >= SURE_PEOPLE else "doubt" if len(refused) else "held"
    text = "no limit of the target kept anybody from signing in"
    if len(refused):
        text = (
            f"The target's sign-in limit, not the app, kept {count(len(kept_out))} of {count(people)} people out "
            f"({plural(len(refused), 'session')} refused with 429"
            + (f"; {count(late)} more people got in on another try" if late else "")
            + "): raise the limit for this machine's address, mint tokens (keys.signing_key_env or jwt_secret_env), or "
            "spread the sign-ins"
        )
    return AccessRow(
        id="sign-in limit",
        title="No limit on sign-ins keeps people out",
        looked_at=people,
        bad=len(kept_out) + late,
        status=status,
        text=text,
    )


def _operation(frames: Frames, faults: list[tuple[float, float]], name: str, title: str, what: str) -> AccessRow | None:
    e2e = _calm_operations(frames.of(name, View.E2E), faults)
    chosen = e2e[e2e["outcome"] != Outcome.GAVE_UP]
    if name != "app_open":
        chosen = chosen[chosen["outcome"] != Outcome.RATE_LIMITED]  # the limit has a row of its own
    samples = int(chosen["count"].sum())
    if not samples:
        return None
    failed = chosen[chosen["outcome"].isin([outcome for outcome in OUTCOMES if outcome.failed])]
    kinds = failed.groupby("outcome")["count"].sum().sort_values(ascending=False)
    bad = int(kinds.sum())
    told = ", ".join(f"{kind} {count(int(number))}" for kind, number in kinds.items())
    text = f"{count(samples - bad)} of {count(samples)} {what} worked" + (f" ({told})" if told else "")
    return AccessRow(
        id=name.replace("_", " "),
        title=title[0].upper() + title[1:],
        looked_at=samples,
        bad=bad,
        status=_status(samples, bad),
        text=text,
    )


def _completed(sessions: pd.DataFrame) -> AccessRow | None:
    """Sessions that a limit refused are the limit's row; of the others, those whose person could not go on."""
    ended = sessions[sessions["end"].isin([SessionEnd.FINISHED, SessionEnd.KEPT_OUT, SessionEnd.STOPPED])]
    if ended.empty:
        return None
    broken = ended[ended["end"].isin(BROKEN_OFF)]
    told = []
    if len(broken):
        kept_out = int((broken["end"] == SessionEnd.KEPT_OUT).sum())
        told = [f"{count(kept_out)} never got in"] if kept_out else []
        stopped = broken[broken["end"] == SessionEnd.STOPPED].groupby("persona").size()
        told += [f"{count(int(number))} {persona}s got no further" for persona, number in stopped.items()]
    text = f"{count(len(ended) - len(broken))} of {count(len(ended))} sessions went on until their person was done"
    return AccessRow(
        id="sessions",
        title="Who gets in can go on until they are done",
        looked_at=len(ended),
        bad=len(broken),
        status=_status(len(ended), len(broken)),
        text=text + (f" ({', '.join(told)})" if told else ""),
    )


def _begun(sessions: pd.DataFrame, frames: Frames) -> AccessRow | None:
    """Planned sessions that never began because every phone was busy: the target slow, or too few phones."""
    if frames.manifest.status == "aborted" or sessions.empty:
        return None
    busy = int(((sessions["late_cause"] == "phone_busy") & sessions["started_us"].isna()).sum())
    if not busy:
        return None
    known = Evidence(len(sessions), busy, float(len(sessions)), ALLOWED)
    return AccessRow(
        id="planned sessions",
        title="What was planned began",
        looked_at=len(sessions),
        bad=busy,
        status="doubt" if known.missed else "unshown",
        text=f"{count(busy)} of {count(len(sessions))} planned sessions never began, because their person's phone was "
        "busy until the end: the target held up the sessions before, or the profile has too few phones",
    )


def _never_happened(frames: Frames, sessions: pd.DataFrame) -> list[AccessRow]:
    """Personas of which half the sessions or more ended without the one thing that they are about."""
    finished = sessions[sessions["end"] == SessionEnd.FINISHED]
    rows = []
    for persona, theirs in finished.groupby("persona", sort=True):
        calls = CORE_CALLS.get(str(persona))
        if calls is None or frames.traffic.empty:
            continue
        did = set(frames.traffic.loc[frames.traffic["call"].isin(calls), "ticket"])
        without = int((~theirs["ticket"].isin(did)).sum())
        if without * 2 >= len(theirs):
            text = f"{count(without)} of {count(len(theirs))} {persona} sessions ended without {' or '.join(calls)}"
            rows.append(
                AccessRow(
                    id=f"planned: {persona}",
                    title="What was planned happened",
                    looked_at=len(theirs),
                    bad=without,
                    status="doubt",
                    text=f"{text}: what they were to test was not tested",
                )
            )
    return rows


def _sockets(frames: Frames, faults: list[tuple[float, float]]) -> AccessRow | None:
    """Open sockets that the target, or the way to it, ended; those that a phone's own tunnel ended are its own."""
    catch_all = frames.manifest.catch_all
    if catch_all is None or any(one.whole for one in catch_all.excluded(SOCKET_END, View.SERVER)):
        return None
    opened = _calm_operations(frames.of("realtime_connect", View.SERVER), faults)
    samples = int(opened.loc[opened["outcome"] == Outcome.OK, "count"].sum())
    if not samples:
        return None
    ended = _calm_operations(frames.of(SOCKET_END, View.SERVER), faults)
    ended = ended[ended["outcome"] != Outcome.GAVE_UP]
    kinds = ended.groupby("outcome", observed=True)["count"].sum().sort_values(ascending=False)
    bad = min(samples, int(kinds.sum()))
    status = _status(samples, bad)
    if bad and status != "missed" and _too_often(frames, ended):
        status = "missed"
    told = f" ({', '.join(f'{kind} {count(int(number))}' for kind, number in kinds.items())})" if bad else ""
    return AccessRow(
        id="sockets",
        title="Realtime sockets stay open until their phone closes them",
        looked_at=samples,
        bad=bad,
        status=status,
        text=f"{count(samples - bad)} of {count(samples)} Realtime sockets stayed open until their phone closed them"
        + told,
    )


def _too_often(frames: Frames, ended: pd.DataFrame) -> bool:
    """Whether so many ends in moments apart, in the time that all sockets together were open, are more than
    ENDS_PER_HOUR for certain."""
    if "sockets" not in frames.gauges or not intervals.apart(ended, ended["count"] > 0):
        return False
    hours = float(frames.gauges["sockets"].sum()) / 3600.0
    return hours > 0 and binomial.as_many_by_chance(int(ended["count"].sum()), ENDS_PER_HOUR * hours) < 1.0 - SURE


def _status(samples: int, bad: int) -> AccessStatus:
    known = Evidence(samples, bad, float(samples), ALLOWED)
    if known.missed or (known.share > ALLOWED and known.enough):
        return "missed"
    if bad * 2 >= samples:
        return "doubt"
    return "held" if known.met else "unshown"
