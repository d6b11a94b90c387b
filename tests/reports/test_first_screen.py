"""The first screen: what broke, since when, how badly, for whom, why, what to do, how to repeat it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from harness.core.outcome import Outcome
from harness.history.model import Night, OperationFigures
from harness.history.store import HistoryStore
from reports.first_screen import FirstScreen, first_screen, repeat
from reports.frames import load
from reports.integrity.found import found, known
from reports.integrity.model import Check, Integrity, Offender
from reports.integrity.texts import QUESTIONS
from reports.onset import since
from reports.past import Past, past_of
from reports.render import html as render_html
from reports.render.contents import contents
from reports.render.picture import picture
from reports.report import earlier
from reports.step import Step
from reports.switches import switched_on, told
from reports.trouble import troubles
from reports.verdict import Verdict, judge, judge_frames
from tests.reports import build

LOST = Check(
    id="I03",
    title=QUESTIONS["I03"].title,
    status="broken",
    looked_at=1131,
    count=28,
    offenders=(
        Offender(ids={"client id": "763ddefa", "person": "3"}, at_s=16.2),
        Offender(ids={"client id": "763ddefb", "person": "5"}, at_s=84.0),
    ),
    meaning=QUESTIONS["I03"].meaning,
    look_at=QUESTIONS["I03"].look_at,
)


def slow_from(second: int, *, until: int = build.END) -> build.Run:
    """Decks that take 100 ms, and 1,400 ms from one second to another."""
    run = build.Run(
        build.manifest((build.latency_slo("swipe_deck", 700.0),), notes=("sandbox switch delay_deck_ms=900",))
    )
    for at in range(build.START, build.END):
        run.add(at, 1400.0 if second <= at < until else 100.0, operation="swipe_deck", number=10)
    for ticket in range(40):
        run.session(ticket, ticket, ticket + 3.0, persona="swiper" if ticket % 2 else "reader")
        if ticket % 2:
            run.requests.append(
                {"ticket": ticket, "worker": 0, "call": "swipe_deck", "requests": 1, "failed": 0, "seconds": 0.1}
                | {"bytes_out": 1, "bytes_in": 1, "rows": 0}
            )
    return run.fit().finished()


def screen_of(run: build.Run, **how: object) -> tuple[FirstScreen, dict[str, str]]:
    screen = first_screen(judge(run, **how), load(run))  # type: ignore[arg-type]
    return screen, {one.question: one.text or one.command for one in screen.answers}


def test_a_missed_objective_answers_every_question() -> None:
    screen, answers = screen_of(slow_from(40))
    assert screen.headline == "swipe_deck server: p95 is 1,396.7 ms, the limit is 700 ms."
    assert answers["Since when"] == "40 s into the run, until its end"
    assert answers["How badly"] == "2.0 times the limit; 300 of 600 samples over the limit"
    assert answers["For whom"] == "20 of 40 sessions made this call: swipers (20)"
    assert answers["Why we think so"].startswith("95 % interval")
    assert answers["What to do"]
    assert answers["Repeat it"] == "harness run smoke --seed 7 --quirk delay_deck_ms=900"
    assert (screen.operation, screen.view) == ("swipe_deck", "server")


@pytest.mark.parametrize(
    ("second", "until", "words"),
    [
        (0, build.END, "the beginning of the measure phase, and all through it"),
        (40, build.END, "40 s into the run, until its end"),
        (40, 52, "40 s into the run, for 12 s"),
    ],
)
def test_since_when(second: int, until: int, words: str) -> None:
    run = slow_from(second, until=until)
    assert since(judge(run).slos[0], load(run)) == words


def test_lost_data_names_people_and_instants_and_leads() -> None:
    lost = Integrity(status="broken", text="1 check of 54 found data that is lost", checks=(LOST,))
    screen, answers = screen_of(slow_from(0), integrity=lost)
    assert screen.headline == "28 of 1,131 acknowledged events are not stored."
    assert answers["Since when"] == "first 16 s into the run, last 1 min 24 s"
    assert answers["How badly"] == "28 of 1,131 (2.48 %)"
    assert answers["For whom"].startswith("2 people. The app removed the swipe")
    assert answers["What to do"].startswith("look at the issues in the replies of media-swipe-event")
    assert [one.section for one in screen.also] == ["slos"]


def test_the_playbooks_step_for_the_leading_reason_comes_before_the_rows_own_remedy() -> None:
    run = slow_from(0)
    verdict = judge(run)
    steps = tuple(
        Step(play=play, opened_by=opened_by, number=1, action=action, manual="11")
        for play, opened_by, action in (("one", "another", "no"), ("two", verdict.reasons[0], "turn rerank off"))
    )
    page = render_html.render(verdict.model_copy(update={"playbook": steps}), load(run))
    assert "Turn rerank off" in page[: page.index('<section id="slos">')]


def test_a_pass_says_what_it_showed_and_what_not() -> None:
    screen, answers = screen_of(build.realistic())
    assert screen.headline == "All 7 objectives met."
    assert "435.2 ms of 700 ms" in answers["Nearest to its limit"]
    assert answers["Data"].startswith("whether every acknowledged write is in the database")
    assert "Since when" not in answers


def test_every_reason_of_a_verdict_has_its_trouble_in_order() -> None:
    run = build.realistic(slow=3.2, bad=0.03)
    verdict = judge(run)
    found_ = troubles(verdict, load(run))
    assert len(found_) == len(verdict.reasons) > 1
    assert all(one.section in contents(verdict, 0, None) for one in found_)


def test_a_target_that_is_not_the_sandbox_is_in_the_command() -> None:
    manifest = build.manifest(target_environment="staging", target_name="my staging")
    assert repeat(manifest) == "harness run smoke --seed 7 --target 'my staging'"


def nights(levels: list[float], **changes: object) -> list[Night]:
    source = random.Random(4)
    run = build.manifest()
    return [
        Night(
            run_id=f"n{number:02d}",
            started_at=f"2026-10-{1 + number:02d}T03:00:00Z",
            profile="smoke",
            plan_digest=run.plan_digest,
            target="sandbox",
            environment="sandbox",
            verdict="pass",
            exit_code=0,
            commit=f"{number:040x}",
            operations=(
                OperationFigures(
                    operation="swipe_deck", view="server", samples=900, p95=level * source.lognormvariate(0, 0.03)
                ),
            ),
        ).model_copy(update=changes)
        for number, level in enumerate(levels)
    ]


def test_earlier_runs_say_since_which_night_and_between_which_commits() -> None:
    *before, this = nights([100.0] * 10 + [150.0] * 8)
    past = past_of([*before, *nights([1.0] * 3, plan_digest="other")], this)
    assert past is not None
    assert len(past.nights) == 18
    said = past.since("swipe_deck", "server")
    assert "slower since the run of 2026-10-11" in said
    assert f"between commits {9:040x}"[:24] in said
    assert past.text == "17 of the last 17 runs of this kind passed"
    assert past.since("home_feed", "server") == ""
    series = past.series("swipe_deck", "server")
    assert series is not None
    assert len(series.values) == 18
    assert Past(past.nights[-2:]).series("swipe_deck", "server") is None


def test_what_most_operations_did_together_is_said_so_and_of_no_other() -> None:
    """Seven of eight became slower in one night, with the machine's canary."""
    source = random.Random(1)

    def figures(number: int) -> tuple[OperationFigures, ...]:
        return tuple(
            OperationFigures(
                operation=f"op{one}",
                view="server",
                samples=900,
                p95=100.0 * (1.25 if number >= 10 and one else 1.0) * source.lognormvariate(0, 0.03),
            )
            for one in range(8)
        )

    made = [
        night.model_copy(update={"operations": figures(number), "canary_cpu_ms": 36.0 if number >= 10 else 30.0})
        for number, night in enumerate(nights([100.0] * 20))
    ]
    past = past_of(made[:-1], made[-1])
    assert past is not None
    said = past.since("op3", "server")
    assert said.startswith("slower since the run of 2026-10-11, as 7 of 8 operations are (+2")
    assert f"between commits {9:040x}"[:24] in said
    assert "doubtful: the machine is slower since (its canary takes 20 % longer)" in said
    assert past.since("op0", "server") == past.since("op3", "e2e") == ""


def test_the_history_beside_a_run_is_found_and_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HARNESS_HISTORY", raising=False)
    run = slow_from(0)
    frames, verdict = load(run), judge(run)
    assert earlier(tmp_path / "run", frames, verdict) is None
    with HistoryStore(tmp_path / "history.db") as store:
        for night in nights([100.0] * 8):
            store.add(night)
    past = earlier(tmp_path / "run", frames, verdict)
    assert past is not None
    page = render_html.render(verdict, frames, past)
    assert page.count("p95 over 9 runs, from") == 2  # beside its objective, and among earlier runs
    (tmp_path / "history.db").write_text("this is no history")
    assert earlier(tmp_path / "run", frames, verdict) is None


def test_a_limit_far_above_the_data_is_said_and_not_drawn() -> None:
    run = build.Run(build.manifest((build.latency_slo("home_feed", 1500.0),)))
    run.spread([20.0] * 300)
    far = picture(load(run), "home_feed", "server")
    assert far is not None
    assert far.limit_y is None
    assert "far below its limit of 1,500 ms" in far.caption
    near = picture(load(slow_from(0)), "swipe_deck", "server")
    assert near is not None
    assert near.limit_y is not None
    run.spread([10.0] * 300, outcome=Outcome.TIMEOUT)
    failing = picture(load(run), "home_feed", "server")
    assert failing is not None
    assert len(failing.failures) > 10
    assert picture(load(run), "nobody", "server") is None


def test_the_big_charts_say_a_far_limit_too() -> None:
    run = build.Run(build.manifest((build.latency_slo("home_feed", 15_000.0),)))
    run.spread([20.0] * 300)
    assert "far below the limit of p95, 15,000 ms" in render_html.render(judge(run), load(run))


def test_sections_open_where_the_trouble_is() -> None:
    def opened(verdict: Verdict) -> set[str]:
        return {one.id for one in contents(verdict, 3, None).values() if one.open and not one.wide}

    assert opened(judge(build.realistic())) == {"slos"}
    lost = Integrity(status="broken", text="lost", checks=(LOST,))
    frames = load(build.realistic(slow=3.2))
    assert opened(judge_frames(frames, integrity=lost)) == {"slos", "integrity"}


def test_failed_rows_come_first_and_met_ones_are_folded() -> None:
    run = build.realistic(slow=3.2, bad=0.03)
    page = render_html.render(judge(run), load(run))
    part = page[page.index('<section id="slos">') : page.index('<section id="integrity">')]
    first_fold = part.index("5 objectives met")
    assert part.index("swipe_deck server") < first_fold < part.index("message_send e2e")


@pytest.mark.parametrize("question", [one for one in QUESTIONS.values() if one.bad == "broken"], ids=lambda one: one.id)
def test_every_check_has_a_sentence_for_one_and_for_many(question: Check) -> None:
    assert question.id in known()
    one, many = found(question.id, question.title, 1, 259), found(question.id, question.title, 7, 259)
    assert one.startswith("1 of 259 ")
    assert many.startswith("7 of 259 ")
    assert "{" not in one + many
    verbs = {(a, b) for a, b in zip(one.split()[1:], many.split()[1:], strict=True) if a != b}
    assert verbs <= {("was", "were"), ("is", "are"), ("has", "have"), ("does", "do")} or all(
        a == f"{b}s" for a, b in verbs
    )
    assert len(verbs) == (0 if question.id == "I27" else 1)


def test_words_of_counts() -> None:
    assert found("I18", "", 7, 259) == "7 of 259 messages were stored twice"
    assert found("I18", "", 1, 259) == "1 of 259 messages was stored twice"
    assert found("I25", "", 2, 9) == "2 of 9 read markers point into another conversation"
    assert found("own rule", "A title", 2, 9) == "A title: not so in 2 of 9 cases"


def test_switches_that_are_off_are_a_number() -> None:
    notes = ("sandbox switch a=0", "sandbox switch b=False", "sandbox switch c=900", "sandbox switch d=", "a fact")
    assert switched_on(notes) == {"c": "900"}
    assert told(notes) == ("a fact", "sandbox switches on: c=900 (3 others off)")
    assert told(notes[:2]) == ("all 2 sandbox switches off",)
    assert told(("a fact",)) == ("a fact",)
