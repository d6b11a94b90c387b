"""Times in which nobody heard of any change: when they are told, and what must not be taken for one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.core.delivery_facts import ChannelState, ChannelTopic, DeliveryFact, FactKind
from harness.core.errors import ExitCode
from harness.core.fault_record import FaultWindow
from harness.core.outcome import Outcome
from harness.core.scheduled_fault import Allow
from harness.core.tables import View
from harness.prove.verdicts import Judged, fired
from reports.frames import load
from reports.render import html as render_html
from reports.render import summary, terminal, verdict_json
from reports.silence import HEARTBEAT, Silence, silences
from reports.verdict import judge_frames
from tests.reports import build

S = 1_000_000
ROOMS = {"5b0c7d2e-8f14-4c1b-9a63-2d7e90f4a111": (1, 2), "6b0c7d2e-8f14-4c1b-9a63-2d7e90f4a222": (3, 4)}
OPENED_S, CLOSED_S = 10.0, 55.0


def channel(person: int, room: str, at_s: float, state: ChannelState) -> DeliveryFact:
    return DeliveryFact(round(at_s * S), 0, FactKind.CHANNEL, person, room, str(ChannelTopic.CHANGES), str(state))


def talk(
    *silent: tuple[float, float],
    rooms: dict[str, tuple[int, int]] | None = None,
    every_s: float = 1.0,
    closed_s: float = CLOSED_S,
    end: ChannelState = ChannelState.LEFT,
    manifest: dict[str, Any] | None = None,
) -> build.Run:
    """Two rooms of two people, one message a second in each; both hear it 200 ms later, but for the `silent` times."""
    run = build.Run(build.manifest([build.latency_slo("message_send", 1000.0)], **(manifest or {}))).fit()
    for room, people in (rooms or ROOMS).items():
        for person in people:
            for number, state in enumerate((ChannelState.JOINING, ChannelState.JOINED, ChannelState.LISTENING)):
                run.facts.append(channel(person, room, OPENED_S + number / 10, state))
            run.facts.append(channel(person, room, closed_s, end))
        at_s, number = OPENED_S + 2, 0
        while at_s < CLOSED_S - 3:
            key, at_us = f"{room[:4]}-{number}", round(at_s * S)
            run.facts.append(DeliveryFact(at_us, 0, FactKind.SENT, people[0], room, key))
            run.facts.append(
                DeliveryFact(at_us + 20_000, 0, FactKind.STORED, people[0], room, key, f"row {key}", at_us)
            )
            if not any(start <= at_s < stop for start, stop in silent):
                heard = at_us + 200_000
                run.facts += [
                    DeliveryFact(heard, 0, FactKind.HEARD, one, room, key, f"row {key}", at_us) for one in people
                ]
            at_s, number = at_s + every_s, number + 1
    run.facts.sort(key=lambda fact: fact.at_us)
    return run


def found(run: build.Run) -> tuple[Silence, ...]:
    return silences(load(run))


def test_one_that_lasts_is_told_with_its_beginning_and_who_listened() -> None:
    run = talk((30.0, 99.0))
    for second in (25, 40, 50):
        run.add(second, 5.0, operation=HEARTBEAT, view=View.SERVER, outcome=Outcome.OK)
    (one,) = found(run)
    assert one == Silence(from_s=29.2, until_s=None, messages=44, conversations=2, channels=4, people=4, heartbeats=2)
    said = one.sentence
    assert said.startswith("No change was delivered to anybody from 29.2 s on, while 4 channels of 4 people were open")
    assert "2 heartbeats came back" in said
    assert "it may be behind or down, over its limit of events a second, or stopped by a policy" in said, "nobody knows"


def test_it_fails_the_run_by_its_name_wherever_a_verdict_is_read(tmp_path: Path) -> None:
    run = talk((30.0, 99.0))
    verdict = judge_frames(load(run))
    assert verdict.exit_code == ExitCode.DATA
    assert verdict.sentence.startswith("No change was delivered to anybody from 29.2 s on")
    for page in (
        "\n".join(terminal.plain(verdict, tmp_path)),
        summary.render(verdict),
        render_html.render(verdict, load(run)),
    ):
        assert "finding:" in page.lower()
        assert "mend the policy that raises" in " ".join(page.split())
    written = verdict_json.render(verdict)
    gates = [one for one in fired(Judged.model_validate_json(written)) if one.gate == "delivery: silence"]
    assert [(one.exit_code, one.at_s) for one in gates] == [(11, 29.2)]


def test_one_that_ends_is_told_with_its_end() -> None:
    (one,) = found(talk((20.0, 33.0)))
    assert (one.from_s, one.until_s) == (19.2, 33.2)
    assert "from 19.2 to 33.2 s" in one.sentence


def test_nothing_ever_heard_counts_from_the_first_message() -> None:
    (one,) = found(talk((0.0, 99.0)))
    assert (one.from_s, one.until_s) == (12.0, None)


@pytest.mark.parametrize("layer", ["proxy", "announced"])
def test_an_outage_is_the_faults_and_no_silence(layer: str) -> None:
    window = FaultWindow(
        name="chaos:dark", kind="chaos", entry="dark", fault="down", layer=layer, start_s=30.0, end_s=40.0,
        share=1.0, cohort=(0.0, 1.0), allow=Allow(), judged=False,
    )  # fmt: skip
    assert found(talk((30.0, 42.0), manifest={"chaos": (window,)})) == ()
    assert found(talk((30.0, 42.0))) != (), "without the window it is one"


CASES = {
    "everything is heard": talk(),
    "a pause in which nobody writes": talk(every_s=9.0),
    "losses of their own": talk(*((float(at), at + 1.0) for at in range(15, 50, 4))),
    "one room alone": talk((20.0, 99.0), rooms={room: who for room, who in ROOMS.items() if 1 in who}),
    "a short one": talk((30.0, 33.0)),
    "everybody leaves at once": talk((31.0, 99.0), closed_s=31.5),
    "channels that turn out broken": talk((30.0, 99.0), end=ChannelState.DOWN),
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_what_is_no_silence(name: str) -> None:
    assert found(CASES[name]) == ()


def test_receipts_that_come_end_a_silence() -> None:
    run = talk((30.0, 99.0))
    run.gauges += [
        {"second": second, "worker": 0, "what": "changes message_read_receipts", "value": 1}
        for second in range(12, 60, 3)
    ]
    assert found(run) == (), "somebody hears of something: what is missing are single losses"


def test_a_run_without_realtime_has_none() -> None:
    assert found(build.realistic().finished()) == ()
