"""Which mutants there are, which request is whose, and what counts as killed."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from harness.client.api import calls, chat_calls
from harness.client.api.call import Call
from harness.core.call_names import CALL_NAMES
from harness.core.errors import UsageError
from harness.prove.mutants.allowed import ALLOWED, reason
from harness.prove.mutants.areas import ALONE, AREAS, STORED, area, dealt, groups
from harness.prove.mutants.catalogue import CALL_OPERATORS, SIGNAL_OPERATORS, drawn, mutant, mutants
from harness.prove.mutants.command import prove_mutants
from harness.prove.mutants.exchange import made
from harness.prove.mutants.operators.base import CallOperator
from harness.prove.mutants.places import BODIES, CHANNELS, CallPlace, Kind, call_places
from harness.prove.mutants.survey import MutantSurvey
from harness.prove.mutants.table import OPERATIONS, MutantTrial, Score, markdown, score, tried, tried_beside
from harness.prove.mutants.tally import MutantTally
from harness.prove.mutants.trials import append, journal, known
from reports.integrity.texts import QUESTIONS
from tests.prove.test_mutant_operators import ROWS, asked
from tests.prove.test_table import broken, judged

BODY_OF: dict[str, Any] = {
    "background_deck": {"mode": "trending", "limit": 18, "seed": "s", "skipRerank": True},
    "swipe_deck": {"mode": "combined", "limit": 60, "seed": "s", "minImdbRating": None},
    "onboarding_deck": {"mode": "trending", "limit": 24, "seed": "onb:2026-11-29"},
    "landing_deck": {"mode": "trending", "limit": 10, "seed": "s"},
    "home_deck": {"mode": "combined", "limit": 60, "seed": "s"},
    "home_feed": {"p_limit": 40},
    "friends_watching": {"p_limit": 200},
    "swipe_events": {"items": []},
    "title_event": {"eventType": "like"},
    "tmdb_configuration": {"path": "/configuration"},
    "tmdb_search": {"path": "/search/multi"},
    "tmdb_external_ids": {"path": "/movie/7/external_ids"},
    "presence": {"last_seen_at": "2026"},
    "profile_names": {"display_name": "x", "username": "y"},
    "message_edit": {"body": {"editedAt": "2026"}},
    "message_delete": {"body": '{"deleted": true}', "client_id": None},
}


def all_calls() -> list[Call]:
    found = [value for module in (calls, chat_calls) for value in vars(module).values() if isinstance(value, Call)]
    return list({(one.name, one.path): one for one in found}.values())


@pytest.mark.parametrize("call", all_calls(), ids=lambda call: call.name)
def test_each_call_is_told_from_all_others(call: Call) -> None:
    target = re.sub(r"\{\d?\}", "some-argument", call.path)
    body = BODY_OF.get(call.name)
    found = [one.name for one in call_places() if one.fits(call.method, target) and one.fits_body(body)]
    assert found == [call.name]


def test_every_call_of_the_catalogue_and_every_channel_has_some() -> None:
    assert {one.name for one in call_places()} == CALL_NAMES
    for name in (*CALL_NAMES, *(channel.name for channel in CHANNELS)):
        own = [one for one in mutants() if one.place.name == name]
        assert len(own) >= (9 if name in CALL_NAMES else 3), name


def test_there_are_four_hundred_of_them_each_once_and_each_operator_is_used() -> None:
    names = [one.name for one in mutants()]
    assert len(names) == len(set(names)) >= 400
    assert {one.operator for one in mutants()} == {*CALL_OPERATORS, *SIGNAL_OPERATORS}


@pytest.mark.parametrize(
    ("present", "absent"),
    [
        ("home_feed/foreign", "home_feed/acknowledged_and_lost"),
        ("follow/acknowledged_and_lost", "follow/foreign"),
        ("unfollow/not_deleted", "follow/not_deleted"),
        ("message_send/stored_twice_anew", "follow/stored_twice_anew"),
        ("messages_poll/other_time", "people_stats/other_time"),
        ("people_search/reordered", "own_profile/reordered"),
        ("message_send/empty", "follow/empty"),
        ("realtime:messages/other_text", "realtime:typing/other_text"),
        ("realtime:join/refused", "realtime:messages/refused"),
    ],
)
def test_only_what_makes_sense_is_there(present: str, absent: str) -> None:
    assert mutant(present).name == present
    with pytest.raises(KeyError):
        mutant(absent)


def test_drawing() -> None:
    assert {one.place.name for one in drawn(("home_*/stale",))} == {"home_feed", "home_deck"}
    with pytest.raises(KeyError, match="nothing/\\*"):
        drawn(("nothing/*",))


def test_a_sample_is_dealt_over_all_places() -> None:
    places = len({one.place.name for one in mutants()})
    few = dealt(mutants(), 2 * places, 3)
    assert {sum(one.place == other.place for other in few) for one in few} == {2}
    assert few == dealt(mutants(), 2 * places, 3) != dealt(mutants(), 2 * places, 4)
    assert sorted(one.name for one in dealt(mutants(), 5000, 1)) == sorted(one.name for one in mutants())


def test_every_place_has_one_area_and_every_rule_of_stored_rows_exists() -> None:
    for one in mutants():
        fitting = [name for name, globs in AREAS.items() if any(fnmatchcase(one.place.name, glob) for glob in globs)]
        assert fitting == [area(one.place.name)], one.place.name
    assert set(STORED) - {"delivery"} <= set(QUESTIONS)
    assert set(STORED.values()) <= set(AREAS)


@pytest.mark.parametrize("together", [1, 3, 20])
def test_groups_hold_each_mutant_once_and_no_two_of_one_area(together: int) -> None:
    asked = dealt(mutants(), 300, 5)
    found = groups(asked, together)
    assert sorted(one.name for group in found for one in group) == sorted(one.name for one in asked)
    for group in found:
        areas = [area(one.place.name) for one in group]
        assert len(areas) == len(set(areas)) <= together
        assert len(group) == 1 or ALONE not in areas


def test_every_reason_is_some_mutants() -> None:
    for one in ALLOWED:
        for pattern in one.patterns:
            alone = type(one)((pattern,), one.reason, one.services)
            assert any(alone.holds(living) for living in mutants()), pattern
    assert reason(mutant("home_feed/foreign")) == ""
    assert reason(mutant("home_feed/wrong_content_type"))
    assert not reason(mutant("swipe_deck/wrong_content_type"))


def test_no_more_than_a_tenth_may_live() -> None:
    assert sum(bool(reason(one)) for one in mutants()) < len(mutants()) / 10


def test_operations_are_of_calls_that_exist() -> None:
    assert set(OPERATIONS) <= CALL_NAMES | {channel.name for channel in CHANNELS}
    assert set(BODIES) <= CALL_NAMES


# ---- what counts ------------------------------------------------------------------------------------------------

FEED = mutant("home_feed/server_error")
HIT = MutantTally(mutant=FEED.name, seen=9, hits=3)


def slo(name: str, *operations: str) -> dict[str, Any]:
    return {"name": name, "status": "fail", "operations": operations}


def test_killed_by_its_own_objective_or_by_a_rule() -> None:
    own = tried(FEED, judged(10, slos=[slo("Other", "x"), slo("Feed", "home_feed")]), 10, HIT)
    assert (own.fate, own.gate, own.gates) == ("killed", "SLO: Feed", ("SLO: Other", "SLO: Feed"))
    assert tried(FEED, judged(11, integrity=broken("I40", 2.0)), 11, HIT).fate == "killed"
    batch = tried(mutant("swipe_events/no_reply"), judged(10, slos=[slo("Swipes", "swipe_batch")]), 10, HIT)
    assert batch.fate == "killed"


def test_another_calls_objective_leads_astray() -> None:
    trial = tried(FEED, judged(10, slos=[slo("Other", "swipe_deck")]), 10, HIT)
    assert (trial.fate, trial.gates) == ("unnamed", ("SLO: Other",))


def test_a_verdict_may_name_the_call_in_words_alone() -> None:
    told = judged(10, reasons=["Of home_feed, 33 % failed (server_error)."])
    assert tried(FEED, told, 10, HIT).gate == "Of home_feed, 33 % failed (server_error)."
    follow = mutant("follow/server_error")
    assert tried(follow, judged(10, sentence="what would follow from that"), 10, HIT).fate == "unnamed"


def test_a_pass_a_doubt_and_nothing() -> None:
    assert tried(FEED, judged(0), 0, HIT).fate == "survived"
    assert tried(FEED, judged(20, slos=[slo("Feed", "home_feed")]), 20, HIT).fate == "no answer"
    assert tried(FEED, None, 70, HIT).fate == "no answer"


def test_what_had_nothing_to_spoil_is_not_killed_whatever_the_run_says() -> None:
    trial = tried(FEED, judged(10, slos=[slo("Feed", "home_feed")]), 10, MutantTally(mutant=FEED.name, seen=9))
    assert trial.fate == "not hit"


def offended(id_: str, **ids: str) -> dict[str, Any]:
    check = {"id": id_, "status": "broken", "offenders": [{"ids": ids, "at_s": 1.0}]}
    return {"integrity": {"status": "broken", "checks": [check]}}


def missed(name: str) -> dict[str, Any]:
    return {"catch_all": {"rows": [{"name": name, "view": "server", "failures": "missed"}]}}


@pytest.mark.parametrize(
    ("name", "parts", "gate"),
    [
        ("home_feed/empty", missed("home_feed"), "catch-all: home_feed"),
        ("home_feed/empty", missed("swipe_deck"), ""),
        ("home_feed/empty", {"slos": [slo("Feed", "home_feed")]}, "SLO: Feed"),
        ("home_feed/empty", {"slos": [slo("Hot", "home_feed", "swipe_deck")]}, ""),
        ("home_feed/foreign", offended("I41", call="home_feed"), "I41"),
        ("home_feed/foreign", offended("I41", call="swipe_deck"), ""),
        ("swipe_events/acknowledged_and_lost", offended("I03", person="4"), "I03"),
        ("home_feed/empty", offended("I03", person="4"), ""),
        ("follow/acknowledged_and_lost", {"access": [{"id": "sign_in", "status": "missed"}]}, ""),
        ("realtime:messages/dropped", {"realtime": {"lost": 3}}, "delivery: lost"),
        ("message_send/acknowledged_and_lost", {"realtime": {"lost": 3}}, ""),
    ],
)
def test_beside_others_only_what_leads_to_the_place_alone_counts(name: str, parts: dict[str, Any], gate: str) -> None:
    hit = MutantTally(mutant=name, seen=9, hits=3)
    found = tried_beside(mutant(name), judged(11, **parts), 11, hit)
    assert (found.gate if found else "") == gate
    assert tried_beside(mutant(name), judged(11, **parts), 11, MutantTally(mutant=name)) is None


def trial(name: str, fate: str, **more: Any) -> MutantTrial:
    return MutantTrial.model_validate({"mutant": name, "fate": fate} | more)


def test_the_score_leaves_out_what_may_live_and_what_was_not_hit() -> None:
    trials = [
        trial("home_feed/foreign", "survived", hits=5, seen=6),
        trial("home_feed/empty", "killed", gate="I40"),
        trial("home_feed/server_error", "killed"),
        trial("home_feed/stale", "unnamed", gates=("SLO: x",)),
        trial("home_feed/wrong_content_type", "survived"),
        trial("message_send/stored_twice", "not hit"),
    ]
    found = score(trials, known(mutants()))
    assert found == Score(killed=2, survived=1, unnamed=1, not_hit=1, allowed=1)
    assert found.share == 0.5
    text = markdown(trials, known(mutants()), "2026-11-29")
    assert "2 of 4 mutants killed (50.0%)" in text
    assert "| home_feed/foreign | 5 of 6 | 0 | **survived** |" in text
    assert "may live: postgrest-js" in text
    assert "| empty | 1 | 0 | 0 | 0 | 0 | 0 | 0 |" in text


TYPING_LOST = "22 of 101 typing signals never reached a chat that was open."
NOBODY_THERE = "51 of 120 presence channels joined and never heard who is there."


@pytest.mark.parametrize(
    ("name", "code", "parts", "fate", "gate"),
    [
        ("realtime:typing/dropped", 0, {"warnings": [TYPING_LOST]}, "warned", "warning: typing"),
        ("realtime:presence/silence", 0, {"warnings": [TYPING_LOST, NOBODY_THERE]}, "warned", "warning: presence"),
        ("realtime:presence/silence", 0, {"warnings": [TYPING_LOST]}, "survived", ""),
        ("realtime:typing/dropped", 0, {"warnings": []}, "survived", ""),
        ("realtime:messages/dropped", 0, {"warnings": [TYPING_LOST, NOBODY_THERE]}, "survived", ""),
        ("typing_broadcast/server_error", 0, {"warnings": [TYPING_LOST]}, "survived", ""),
        ("presence/no_reply", 0, {"warnings": [NOBODY_THERE]}, "survived", ""),
        ("realtime:typing/dropped", 20, {"warnings": [TYPING_LOST]}, "no answer", ""),
        ("realtime:typing/dropped", 11, {"warnings": [TYPING_LOST], "lost": 3}, "killed", "delivery: lost"),
    ],
)
def test_of_what_is_ephemeral_a_warning_is_told_and_no_kill(
    name: str, code: int, parts: dict[str, Any], fate: str, gate: str
) -> None:
    found = tried(mutant(name), judged(code, realtime=parts), code, MutantTally(mutant=name, seen=9, hits=3))
    assert (found.fate, found.gate) == (fate, gate)


def test_a_run_that_fails_elsewhere_may_warn_of_the_place() -> None:
    name = "realtime:typing/silence"
    elsewhere = judged(10, slos=[slo("Other", "swipe_deck")], realtime={"warnings": [TYPING_LOST]})
    found = tried(mutant(name), elsewhere, 10, MutantTally(mutant=name, seen=9, hits=3))
    assert (found.fate, found.gate, found.gates) == ("warned", "warning: typing", ("SLO: Other",))


def test_a_warning_that_healthy_runs_have_too_is_no_sign() -> None:
    name = "realtime:typing/late"
    told = judged(0, realtime={"warnings": [TYPING_LOST]})
    hit = MutantTally(mutant=name, seen=9, hits=3)
    assert tried(mutant(name), told, 0, hit, ("warning: typing",)).fate == "survived"
    assert tried(mutant(name), told, 0, hit, ("warning: presence",)).fate == "warned"


def test_the_score_counts_what_was_warned_of_and_tells_it_apart() -> None:
    trials = [
        trial("home_feed/empty", "killed"),
        trial("realtime:typing/dropped", "warned", gate="warning: typing"),
        trial("home_feed/foreign", "survived"),
        trial("realtime:system/refused", "survived"),
    ]
    found = score(trials, known(mutants()))
    assert found == Score(killed=1, warned=1, survived=1, allowed=1)
    text = markdown(trials, known(mutants()), "2026-11-30")
    assert "2 of 3 mutants killed (66.7%), 1 of them by a warning alone" in text
    assert "| dropped | 0 | 1 | 0 | 0 | 0 | 0 | 0 |" in text


def test_the_journal_survives_a_cut_line_and_keeps_the_last_word(tmp_path: Path) -> None:
    path = tmp_path / "mutants.jsonl"
    assert journal(path) == ()
    append(path, trial("home_feed/stale", "no answer"))
    append(path, trial("home_feed/empty", "killed", commit="abc"))
    append(path, trial("home_feed/stale", "survived"))
    with path.open("ab") as file:
        file.write(b'{"mutant": "home_feed/for')
    assert [(one.mutant, one.fate, one.commit) for one in journal(path)] == [
        ("home_feed/stale", "survived", ""),
        ("home_feed/empty", "killed", "abc"),
    ]


def test_the_list_runs_nothing_and_names_reasons(tmp_path: Path) -> None:
    said: list[str] = []
    options: dict[str, Any] = {"sample": None, "seed": 1, "controls": 1, "out": tmp_path / "out", "say": said.append}
    assert prove_mutants(only=(), listed=True, **options) == 0
    assert len(said) == len(mutants())
    assert "home_feed/foreign" in said
    assert not (tmp_path / "out").exists()
    with pytest.raises(UsageError, match="no mutant fits"):
        prove_mutants(only=("home_fed/*",), listed=True, **options)


def test_trials_that_are_there_are_not_mixed_with_new_ones_unasked(tmp_path: Path) -> None:
    append(tmp_path / "mutants.jsonl", trial("home_feed/stale", "killed"))
    with pytest.raises(UsageError, match="--resume"):
        prove_mutants(only=(), sample=1, seed=1, controls=1, out=tmp_path, listed=False, say=print)


# ---- the survey -------------------------------------------------------------------------------------------------


def test_a_survey_says_which_mutants_had_something_to_spoil() -> None:
    (place,) = [one for one in call_places() if one.name == "home_feed"]
    survey = MutantSurvey()
    survey.exchange(place, asked("POST", place.name, {"p_limit": 40}), made(200, ROWS))
    first = set(survey.reached)
    assert {"home_feed/empty", "home_feed/other_text", "home_feed/no_reply"} <= first
    assert not first & {"home_feed/stale", "home_feed/foreign"}
    survey.exchange(place, asked("POST", place.name, {"p_limit": 40}), made(200, ROWS[:1]))
    assert survey.reached - first == {"home_feed/stale"}
    survey.exchange(place, asked("POST", place.name, {"p_limit": 40}, who="b"), made(200, []))
    assert "home_feed/foreign" in survey.reached
    assert survey.seen == {"home_feed": 3}


def test_operators_need_what_places_have() -> None:
    for one in mutants():
        assert isinstance(one.operator, CallOperator) == isinstance(one.place, CallPlace)
        assert isinstance(one.operator.needs, Kind)
