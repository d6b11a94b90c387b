"""What one session sent: means by hand, the plan beside them, and what is left out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.plan import load_prices
from reports.frames import load
from reports.render import html as render_html
from reports.render import verdict_json
from reports.report import report
from reports.traffic import Traffic, measure
from reports.verdict import judge_frames
from tests.reports.build import Run, manifest, realistic, save

PRICES = load_prices()


def sent(run: Run, ticket: int, call: str, requests: int, rows: int = 0) -> None:
    row = {"ticket": ticket, "worker": 0, "call": call, "requests": requests, "failed": 0, "seconds": 0.1, "rows": rows}
    run.requests.append(row | {"bytes_out": 100 * requests, "bytes_in": 1000 * requests})


def two_swipers_and_a_chatter() -> Run:
    """The mix says 0.6 and 0.4."""
    run = Run(manifest())
    for persona, length in (("swiper", 20.0), ("swiper", 40.0), ("chatter", 10.0), ("swiper", 99.0)):
        run.session(1.0, 1.0, 1.0 + length, persona=persona)
    run.sessions[-1]["end"] = "closed"
    sent(run, 0, "swipe_deck", 2, rows=100)
    sent(run, 1, "swipe_deck", 4, rows=200)
    sent(run, 1, "landing_deck", 2, rows=20)
    sent(run, 2, "message_send", 5, rows=10)
    sent(run, 3, "swipe_deck", 1000)
    return run.fit().finished()


def measured(run: Run) -> Traffic:
    found = measure(load(run), PRICES)
    assert found is not None
    return found


def test_means_per_persona_and_of_the_mix() -> None:
    everybody, swiper, chatter = measured(two_swipers_and_a_chatter()).personas
    assert (everybody.persona, swiper.persona, chatter.persona) == ("all", "swiper", "chatter")
    assert [one.sessions for one in (everybody, swiper, chatter)] == [3, 2, 1]  # the closed one counts nowhere
    deck = swiper.endpoints[0]
    assert (deck.endpoint, deck.requests, deck.rows) == ("POST functions/media-swipe-deck", 4.0, 160.0)
    assert (deck.bytes_out, deck.bytes_in) == (400.0, 4000.0)
    assert everybody.requests == pytest.approx(0.6 * 4 + 0.4 * 5)
    assert everybody.rows == pytest.approx(0.6 * 160 + 0.4 * 10)
    assert everybody.seconds == pytest.approx(0.6 * 30 + 0.4 * 10)
    assert deck.planned > 4
    assert deck.ratio == pytest.approx(4.0 / deck.planned)


def test_what_the_plan_has_and_no_session_sent_stands_there_with_nothing() -> None:
    endpoints = {row.endpoint: row for row in measured(two_swipers_and_a_chatter()).personas[1].endpoints}
    events = endpoints["POST functions/media-swipe-event"]
    assert (events.requests, events.ratio) == (0.0, 0.0)
    assert events.planned > 30


def test_the_month_is_remade_from_the_mean_session() -> None:
    found = measured(two_swipers_and_a_chatter())
    assert found.dau == 500_000
    rows = {row.name: row for row in found.month}
    assert rows["requests"].measured == pytest.approx(30 * 750_000 * found.personas[0].requests)
    assert rows["rows written"].measured == pytest.approx(30 * 750_000 * found.personas[0].rows)
    assert rows["edge invocations"].measured < rows["edge invocations"].planned


def test_a_persona_of_the_mix_without_a_session_is_named() -> None:
    run = two_swipers_and_a_chatter()
    run.sessions[2]["end"] = "closed"
    found = measured(run)
    assert found.missing == ("chatter",)
    assert found.personas[0].requests == found.personas[1].requests


def test_older_records_have_no_traffic_and_say_so(tmp_path: Path) -> None:
    run = realistic()
    frames = load(run)
    assert measure(frames, PRICES) is None
    page = render_html.render(judge_frames(frames), frames)
    assert "No session has ended by itself" in page


def test_page_and_verdict_have_it(tmp_path: Path) -> None:
    run = two_swipers_and_a_chatter()
    folder = save(run, tmp_path / "run")
    verdict = report(folder)
    assert verdict.traffic == measured(run)
    told = json.loads((folder / "verdict.json").read_text())
    assert told["version"] == 1
    assert told["traffic"]["personas"][1]["persona"] == "swiper"
    page = (folder / "report.html").read_text()
    assert "What one session sent" in page
    assert "POST functions/media-swipe-deck" in page
    assert "500,000 people a day" in page
    assert json.loads(verdict_json.render(verdict)) == told
