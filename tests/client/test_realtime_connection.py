"""Channels and sockets on a fake clock: the cadences that were measured with the real clients, and their defects."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from harness.client.realtime.phoenix.channel import MISMATCH, JoinState
from harness.client.realtime.phoenix.connection import UNANSWERED
from harness.client.realtime.phoenix.events import Binding, DatabaseChange, Sent, Status
from harness.client.realtime.phoenix.generation import GENERATIONS, JS_2_90, JS_2_119, Generation
from harness.core.outcome import Outcome
from tests.client.realtime_stage import Said, Stage, Watched

BOTH = pytest.mark.parametrize("generation", GENERATIONS.values(), ids=GENERATIONS)
MESSAGES = Binding("*", "public", "messages", "conversation_id=eq.1")
RECEIPTS = Binding("INSERT", "public", "message_read_receipts", "conversation_id=eq.1")
NEAR = 0.06
"""Ticks, latencies and the older generation's 10 ms."""


def near(times: list[float], expected: list[float]) -> bool:
    return len(times) == len(expected) and all(0 <= t - e <= NEAR for t, e in zip(times, expected, strict=True))


# ---- joining ----------------------------------------------------------------------------------------------------


@BOTH
def test_a_join_carries_the_config_as_the_client_writes_it(generation: Generation) -> None:
    stage = Stage(generation)
    stage.channel("c", MESSAGES, presence_key="me").joined()
    (join,) = stage.said("phx_join")
    assert join.topic == "realtime:c"
    assert join.ref == join.join_ref == str(generation.first_ref)
    assert join.payload["config"] == {
        "broadcast": {"ack": False, "self": False},
        "presence": {"key": "me", "enabled": False},
        "postgres_changes": [{"event": "*", "schema": "public", "table": "messages", "filter": "conversation_id=eq.1"}],
        "private": False,
    }
    assert stage.outcomes("realtime_connect") == [(Outcome.OK, "")]
    assert stage.outcomes("realtime_join") == [(Outcome.OK, "")]


@BOTH
def test_refused_joins_are_repeated_after_1_3_8_and_18_seconds(generation: Generation) -> None:
    """Measured against an instant refusal, both generations: 0, 1.0, 3.0, 8.0 s, then each 10 s."""
    stage = Stage(generation)
    stage.joins = "ClientJoinRateLimitReached: Too many joins per second"
    begun = stage.now
    watched = stage.channel().subscribe()
    stage.run(40)
    assert near(stage.times("phx_join", begun), [0, 1, 3, 8, 18, 28, 38])
    assert set(watched.words) == {Status.CHANNEL_ERROR}
    assert stage.outcomes("realtime_join")[0] == (Outcome.QUOTA, "too_many_joins")
    stage.joins = "ok"
    stage.run(10)
    assert watched.words[-1] is Status.SUBSCRIBED


def test_the_shipped_client_leaves_its_own_topic_when_a_rejoin_takes_over_two_seconds() -> None:
    """Defect (c): CLOSED for good, and one more join that nobody listens to."""
    stage = Stage(JS_2_90)
    stage.joins = "silent"
    begun = stage.now
    watched = stage.channel().subscribe()
    stage.run(60)
    assert near(watched.when(Status.TIMED_OUT, begun), [10])
    assert near(watched.when(Status.CLOSED, begun), [13])  # rejoin at 11, unanswered for 2 s
    assert near(stage.times("phx_join", begun), [0, 11, 13])
    assert near(stage.times("phx_leave", begun), [13])
    assert stage.connection.stats.leaked_joins == 1
    assert watched.channel.state is JoinState.CLOSED
    assert stage.connection.channels == {}


def test_a_real_refusal_takes_five_seconds_and_so_costs_the_shipped_client_its_channel() -> None:
    stage = Stage(JS_2_90)
    stage.joins, stage.join_delay_s = "RealtimeRestarting: Realtime is restarting, please standby", 5.0
    watched = stage.channel().subscribe()
    stage.run(60)
    assert watched.words == [Status.CHANNEL_ERROR, Status.CLOSED]
    assert stage.outcomes("realtime_join")[0] == (Outcome.SERVER_ERROR, "restarting")


def test_the_newest_client_leaves_and_rejoins_when_a_join_is_not_answered() -> None:
    stage = Stage(JS_2_119)
    stage.joins = "silent"
    begun = stage.now
    watched = stage.channel().subscribe()
    stage.run(35)
    assert near(watched.when(Status.TIMED_OUT, begun), [10, 21, 33])
    assert near(stage.times("phx_leave", begun), [10, 21, 33])
    assert near(stage.times("phx_join", begun), [0, 11, 23])
    assert stage.outcomes("realtime_join")[0] == (Outcome.TIMEOUT, "no reply")


@BOTH
def test_a_wrong_echo_of_the_bindings_fails_the_channel(generation: Generation) -> None:
    stage = Stage(generation)
    watched = stage.channel("c", MESSAGES)

    def swap(said: Said) -> None:
        wrong = {**MESSAGES.request(), "filter": "conversation_id=eq.2", "id": 3}
        stage.peer.reply(said, {"postgres_changes": [wrong]})

    stage.joins = "silent"
    watched.subscribe()
    stage.run(0.05)
    swap(stage.said("phx_join")[0])
    assert watched.statuses[-1][1:] == (Status.CHANNEL_ERROR, MISMATCH)
    assert stage.outcomes("realtime_join") == [(Outcome.SERVER_ERROR, "binding_mismatch")]
    stage.run(30)
    assert len(stage.said("phx_join")) == 1


@BOTH
def test_a_topic_can_be_left_and_joined_again_at_once(generation: Generation) -> None:
    stage = Stage(generation)
    first = stage.channel().joined()
    stage.connection.remove(first.channel)
    assert first.words == [Status.SUBSCRIBED, Status.CLOSED]
    second = stage.channel().subscribe()
    stage.run(1)
    assert second.words == [Status.SUBSCRIBED]
    assert [said.event for said in stage.peer.said] == ["phx_join", "phx_leave", "phx_join"]
    assert len(stage.connects) == 1


@BOTH
def test_a_channel_is_subscribed_once_and_a_topic_has_one(generation: Generation) -> None:
    stage = Stage(generation)
    watched = stage.channel().joined()
    with pytest.raises(RuntimeError, match="before"):
        watched.channel.subscribe()
    with pytest.raises(ValueError, match="already"):
        stage.channel()


# ---- the socket is lost -----------------------------------------------------------------------------------------


@BOTH
def test_resubscribed_one_second_after_a_drop_or_three_with_the_shipped_client(generation: Generation) -> None:
    stage = Stage(generation)
    watched = stage.channel().joined()
    dropped = stage.now
    stage.peer.drop("closed_1012")
    stage.run(5)
    assert near([at - dropped for at in stage.connects[1:]], [1.0])
    back = watched.when(Status.SUBSCRIBED, dropped)
    assert near(back, [1.0] if generation is JS_2_119 else [3.0])
    assert stage.connection.stats.reconnects[0].since_drop == pytest.approx(1.0, abs=NEAR)
    assert stage.outcomes("realtime_drop") == [(Outcome.NETWORK, "closed_1012")]


@BOTH
def test_jitter_is_added_to_each_wait_before_connecting_anew(generation: Generation) -> None:
    draws = iter((0.5, 3.0, 0.25, 9.0, 9.0))
    stage = Stage(generation, later=lambda: next(draws))
    stage.channel().joined()
    stage.accepts = False
    dropped = stage.now
    stage.peer.drop("closed_1012")
    stage.run(12)
    extra = generation.reconnect_extra_s
    waits = [1.5 + extra, 5.0 + extra, 5.25 + extra]  # 1, 2 and 5 s as shipped, each with its draw
    waited = [at - before for before, at in itertools.pairwise([dropped, *stage.connects[1:]])]
    assert waited == pytest.approx(waits[: len(waited)], abs=0.2)
    assert len(waited) >= 2


@BOTH
def test_refused_upgrades_are_repeated_after_1_3_8_and_18_seconds(generation: Generation) -> None:
    """Measured with upgrades refused for 9 s; the shipped client has its socket at 18 s and its channel at 28 s."""
    stage = Stage(generation)
    watched = stage.channel().joined()
    dropped = stage.now
    stage.accepts = False
    stage.peer.drop()
    stage.run(9)
    stage.accepts = True
    stage.run(21)
    assert near([at - dropped for at in stage.connects[1:]], [1, 3, 8, 18]) or generation is JS_2_90
    assert [round(at - dropped) for at in stage.connects[1:]] == [1, 3, 8, 18]
    (back,) = watched.when(Status.SUBSCRIBED, dropped)
    assert back == pytest.approx(18.0 if generation is JS_2_119 else 28.0, abs=0.1)
    assert stage.outcomes("realtime_connect")[1] == (Outcome.QUOTA, "too_many_connections")


@BOTH
def test_a_join_waits_for_the_socket(generation: Generation) -> None:
    stage = Stage(generation)
    stage.accepts = False
    watched = stage.channel().subscribe()
    stage.run(0.5)
    stage.accepts = True
    stage.run(3)
    assert watched.words[-1] is Status.SUBSCRIBED
    assert len(stage.said("phx_join")) == 1


@BOTH
def test_a_server_that_never_answers_the_upgrade_times_the_join_out(generation: Generation) -> None:
    stage = Stage(generation)
    stage.accepts = None
    watched = stage.channel().subscribe()
    stage.run(20)
    assert watched.words == [Status.TIMED_OUT]
    assert stage.outcomes("realtime_join") == [(Outcome.TIMEOUT, "not connected")]


@BOTH
def test_without_a_network_the_phone_tries_on_and_no_attempt_is_recorded_for_it(generation: Generation) -> None:
    stage = Stage(generation)
    stage.channel().joined()
    before = len(stage.attempts)
    stage.connection.network_lost()
    stage.run(0.5)
    assert stage.outcomes("realtime_drop") == [(Outcome.GAVE_UP, "offline")], "its own network, not the target"
    assert len(stage.attempts) == before + 1
    stage.run(5)
    assert stage.connection.connected


def test_hidden_pages_of_the_newest_client_wait_until_they_are_shown() -> None:
    stage = Stage(JS_2_119)
    stage.channel().joined()
    stage.connection.hidden()
    stage.peer.drop()
    stage.run(60)
    assert len(stage.connects) == 1
    shown = stage.now
    stage.connection.visible()
    assert stage.connects[1:] == [shown]
    stage.run(1)
    assert stage.connection.connected


def test_hidden_pages_of_the_shipped_client_reconnect_like_others() -> None:
    stage = Stage(JS_2_90)
    stage.channel().joined()
    stage.connection.hidden()
    stage.peer.drop()
    stage.run(5)
    assert stage.connection.connected


# ---- heartbeats -------------------------------------------------------------------------------------------------


@BOTH
def test_heartbeats_go_out_each_25_seconds(generation: Generation) -> None:
    stage = Stage(generation)
    begun = stage.now
    stage.channel().joined()
    stage.run(80)
    assert near(stage.times("heartbeat", begun), [25, 50, 75])
    assert [said.topic for said in stage.said("heartbeat")] == ["phoenix"] * 3
    assert stage.outcomes("realtime_heartbeat") == [(Outcome.OK, "")] * 3


@BOTH
def test_a_server_that_swallows_heartbeats_is_noticed_after_50_seconds(generation: Generation) -> None:
    """Measured: 50.0 s; resubscribed at 53.1 s (2.90.1) and 51.3 s (2.119.1)."""
    stage = Stage(generation)
    begun = stage.now
    watched = stage.channel().joined()
    stage.beats = False
    stage.run(55)
    assert stage.outcomes("realtime_heartbeat") == [(Outcome.TIMEOUT, "heartbeat timeout")]
    assert stage.outcomes("realtime_drop") == [(Outcome.TIMEOUT, "heartbeat timeout")]
    assert stage.peers[0].close_code == 1000
    back = watched.when(Status.SUBSCRIBED, begun + 1)[0] + 1
    assert back == pytest.approx(51.2 if generation is JS_2_119 else 53.0, abs=0.15)


def test_a_heartbeat_pending_at_the_drop_closes_the_next_healthy_socket() -> None:
    """Defect (a) of the shipped client."""
    stage = Stage(JS_2_90)
    stage.channel().joined()
    stage.beats = False
    stage.run(25)  # one heartbeat is out
    stage.beats = True
    stage.peer.drop()
    stage.run(1.1)
    assert stage.connection.connected
    opened = stage.now
    stage.run(30)
    assert stage.peers[1].close_code == 1000
    timeouts = [
        at + seconds
        for name, outcome, at, seconds, _ in stage.attempts
        if outcome is Outcome.TIMEOUT and name == "realtime_heartbeat"
    ]
    assert [round(at - opened) for at in timeouts] == [25]


def test_the_newest_client_forgets_a_heartbeat_with_its_socket() -> None:
    stage = Stage(JS_2_119)
    stage.channel().joined()
    stage.beats = False
    stage.run(25)
    stage.beats = True
    stage.peer.drop()
    stage.run(60)
    assert len(stage.connects) == 2
    assert stage.connection.connected


def test_half_open_leaves_the_shipped_client_deaf_for_half_a_minute() -> None:
    """Defect (b): the new socket opens after a second; the channels wait for the old one's end, 30 s later."""
    stage = Stage(JS_2_90)
    watched = stage.channel().joined()
    opened = stage.peer
    opened.alive = False
    stage.run(50 - 0.1)
    noticed = stage.now
    stage.run(2)
    assert stage.connection.connected
    assert near([at - noticed for at in stage.connects[1:]], [1.1])
    assert watched.words == [Status.SUBSCRIBED]
    assert watched.channel.state is JoinState.JOINED
    stage.run(26)
    assert watched.words == [Status.SUBSCRIBED], "still deaf"
    stage.run(5)
    assert watched.words == [Status.SUBSCRIBED, Status.CHANNEL_ERROR, Status.SUBSCRIBED]
    back = watched.when(Status.SUBSCRIBED, noticed)
    assert back[0] == pytest.approx(31.0, abs=0.1)
    assert stage.outcomes("realtime_half_open") == [(Outcome.TIMEOUT, UNANSWERED)]
    assert stage.connection.connected
    stage.run(60)
    assert len(stage.connects) == 2


def test_half_open_costs_the_newest_client_two_and_a_half_seconds() -> None:
    """Measured with heartbeats of 5 s: noticed at 10.1 s, joined at 12.6 s."""
    stage = Stage(replace(JS_2_119, heartbeat_s=5.0))
    begun = stage.now
    watched = stage.channel().joined()
    stage.peer.alive = False
    stage.run(15)
    assert near(watched.when(Status.CHANNEL_ERROR, begun), [10.0])
    assert near(watched.when(Status.SUBSCRIBED, begun + 1), [11.5])
    assert stage.outcomes("realtime_half_open") == [(Outcome.TIMEOUT, UNANSWERED)]
    stage.run(60)
    assert len(stage.connects) == 2


# ---- the server closes a channel --------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(
    ("message", "outcome", "code"),
    [
        ("Token has expired 0 seconds ago", Outcome.AUTH, "token_expired"),
        ("Too many messages per second", Outcome.RATE_LIMITED, "too_many_messages"),
        ("Client presence rate limit exceeded", Outcome.RATE_LIMITED, "client_presence_rate"),
    ],
)
def test_phx_close_is_for_good(generation: Generation, message: str, outcome: Outcome, code: str) -> None:
    stage = Stage(generation)
    watched = stage.channel().joined()
    ref = watched.channel.join_ref
    notice = {"extension": "system", "status": "error", "message": message, "channel": "a"}
    stage.peer.say("realtime:a", "system", notice, None, ref)
    stage.peer.say("realtime:a", "phx_close", {}, ref, ref)
    stage.run(60)
    assert watched.words == [Status.SUBSCRIBED, Status.CLOSED]
    assert watched.statuses[-1][2] == message
    assert len(stage.said("phx_join")) == 1
    assert stage.outcomes("realtime_channel") == [(outcome, code)]
    assert watched.channel.send("typing", {}) is Sent.REST


@BOTH
def test_a_close_of_an_earlier_join_is_not_ours(generation: Generation) -> None:
    stage = Stage(generation)
    watched = stage.channel().joined()
    stage.peer.say("realtime:a", "phx_close", {}, "0", "0")
    assert watched.channel.state is JoinState.JOINED


@BOTH
def test_a_crashed_channel_is_back_after_a_second(generation: Generation) -> None:
    stage = Stage(generation)
    watched = stage.channel().joined()
    crashed, ref = stage.now, watched.channel.join_ref
    stage.peer.say("realtime:a", "phx_error", {}, ref, ref)
    stage.run(3)
    assert watched.words == [Status.SUBSCRIBED, Status.CHANNEL_ERROR, Status.SUBSCRIBED]
    assert near(watched.when(Status.SUBSCRIBED, crashed), [1.0])
    assert stage.outcomes("realtime_channel") == [(Outcome.SERVER_ERROR, "channel_crash")]


# ---- tokens -----------------------------------------------------------------------------------------------------


@BOTH
def test_the_first_join_of_a_fresh_client_has_no_token_and_the_next_has(generation: Generation) -> None:
    stage = Stage(generation, token="T1")
    stage.channel("a").joined()
    stage.channel("b").joined()
    first, second = stage.said("phx_join")
    assert "access_token" not in first.payload
    assert second.payload["access_token"] == "T1"


@BOTH
def test_a_new_token_goes_to_joined_channels_once_and_into_later_joins(generation: Generation) -> None:
    stage = Stage(generation)
    stage.connection.set_token("T1")
    watched = stage.channel().joined()
    stage.connection.set_token("T2")
    stage.connection.set_token("T2")
    stage.token = "T2"
    stage.run(60)
    (pushed,) = stage.said("access_token")
    assert pushed.payload == {"access_token": "T2"}
    assert pushed.join_ref == watched.channel.join_ref
    stage.peer.drop()
    stage.run(5)
    assert stage.said("phx_join")[-1].payload["access_token"] == "T2"


@BOTH
def test_a_refreshed_token_is_found_at_the_next_heartbeat(generation: Generation) -> None:
    stage = Stage(generation, token="T1")
    stage.channel().joined()
    stage.token = "T2"
    stage.run(26)
    assert [said.payload["access_token"] for said in stage.said("access_token")] == ["T2"]


@BOTH
def test_a_join_that_is_left_before_its_answer_is_an_attempt_that_lasted_so_long(generation: Generation) -> None:
    stage = Stage(generation)
    stage.channel("other").joined()
    stage.joins = "silent"
    watched, again = stage.channel("b").subscribe(), stage.channel("c").subscribe()
    stage.run(7)
    stage.attempts.clear()
    stage.connection.remove(again.channel, twice=True)  # as presence: the app joins it again, nobody waits
    stage.connection.remove(watched.channel)
    stage.connection.remove(watched.channel)
    [(name, outcome, _, seconds, code)] = stage.attempts
    assert (name, outcome, code) == ("realtime_join", Outcome.GAVE_UP, "left")
    assert seconds == pytest.approx(7, abs=0.01)
    stage.run(60)
    stage.connection.close()
    assert stage.outcomes("realtime_join") == [(Outcome.GAVE_UP, "left")]


@BOTH
def test_a_join_that_was_never_sent_or_has_ended_is_not_given_up(generation: Generation) -> None:
    stage = Stage(generation)
    joined = stage.channel("a").joined()
    stage.connection.remove(joined.channel)
    stage.joins = "silent"
    late = stage.channel("b").subscribe()
    stage.run(generation.join_timeout_s + 0.5)
    stage.connection.remove(late.channel)
    assert stage.outcomes("realtime_join") == [(Outcome.OK, ""), (Outcome.TIMEOUT, "no reply")]
    closed = Stage(generation)
    closed.accepts = None
    unsent = closed.channel().subscribe()
    closed.run(3)
    closed.connection.remove(unsent.channel)
    assert closed.outcomes("realtime_join") == []


# ---- pushes -----------------------------------------------------------------------------------------------------


@BOTH
def test_what_is_tracked_before_the_join_waits_and_only_a_hundred_wait(generation: Generation) -> None:
    stage = Stage(generation)
    ends: list[tuple[int, Outcome]] = []
    watched = stage.channel()
    for number in range(103):

        def ended(outcome: Outcome, _: object, n: int = number) -> None:
            ends.append((n, outcome))

        sent = watched.channel.track({"n": number}, ended)
        assert sent is Sent.BUFFERED
    watched.joined()
    stage.run(1)
    assert [said.payload["payload"]["n"] for said in stage.said("presence")] == list(range(3, 103))
    assert ends[:3] == [(n, Outcome.GAVE_UP) for n in range(3)]
    assert ends[3:] == [(n, Outcome.OK) for n in range(3, 103)]


@BOTH
def test_a_push_without_a_reply_times_out(generation: Generation) -> None:
    stage = Stage(generation)
    watched = stage.channel().joined()
    stage.peer.alive = False
    ends: list[tuple[Outcome, str]] = []
    watched.channel.track({}, lambda *end: ends.append(end))
    stage.run(9.9)
    assert ends == []
    stage.run(0.2)
    assert ends == [(Outcome.TIMEOUT, "no reply")]


@BOTH
def test_broadcasts_of_a_channel_that_has_not_joined_are_for_rest(generation: Generation) -> None:
    stage = Stage(generation)
    stage.joins = "silent"
    watched = stage.channel().subscribe()
    stage.run(0.1)
    assert watched.channel.send("typing", {}) is Sent.REST
    assert stage.said("broadcast") == []


# ---- changes ----------------------------------------------------------------------------------------------------


@BOTH
def test_a_change_reaches_its_binding_and_only_its_event(generation: Generation) -> None:
    stage = Stage(generation)
    watched = stage.channel("c", MESSAGES, RECEIPTS)
    changes: list[DatabaseChange] = []
    watched.channel.on_change(changes.append)
    watched.joined()
    data = {"table": "messages", "type": "UPDATE", "record": {"id": 1}, "old_record": {"id": 1}, "errors": None}
    for ids in ([7], [8], [7, 8], [9], [0], ["7"], None):
        stage.peer.say("realtime:c", "postgres_changes", {"data": {**data, "commit_timestamp": "t"}, "ids": ids})
    assert [change.binding for change in changes] == [0, 0]
    assert changes[0].record == changes[0].old_record == {"id": 1}
    assert changes[0].received_at == stage.now
    stage.peer.say("realtime:c", "postgres_changes", {"data": {**data, "type": "INSERT"}, "ids": [8]})
    assert changes[2].binding == 1


@BOTH
def test_a_listener_that_fails_harms_nobody_else(generation: Generation) -> None:
    stage = Stage(generation)
    watched = stage.channel("c", MESSAGES)

    def fails(_: DatabaseChange) -> None:
        raise KeyError("ours")

    watched.channel.on_change(fails)
    watched.joined()
    stage.peer.say("realtime:c", "postgres_changes", {"data": {"type": "INSERT"}, "ids": [7]})
    assert [str(problem) for problem in stage.problems] == ["'ours'"]
    assert watched.channel.joined


# ---- the end ----------------------------------------------------------------------------------------------------


def test_the_shipped_client_closes_its_socket_with_the_last_channel() -> None:
    stage = Stage(JS_2_90)
    watched = stage.channel().joined()
    stage.connection.remove(watched.channel)
    stage.run(0.1)
    assert stage.peer.over
    assert not stage.connection.connected
    stage.run(60)
    assert len(stage.connects) == 1
    stage.channel().joined()
    assert len(stage.connects) == 2
    assert stage.outcomes("realtime_drop") == []


def test_the_newest_client_keeps_an_empty_socket_for_two_heartbeats() -> None:
    stage = Stage(JS_2_119)
    watched = stage.channel().joined()
    stage.connection.remove(watched.channel)
    stage.run(49)
    assert stage.connection.connected
    second = stage.channel("b").joined()
    stage.run(60)
    assert stage.connection.connected
    stage.connection.remove(second.channel)
    stage.run(51)
    assert not stage.connection.connected


@BOTH
def test_a_closed_client_does_nothing_more(generation: Generation) -> None:
    stage = Stage(generation)
    stage.joins = "silent"
    watched = stage.channel().subscribe()
    stage.run(1)
    stage.connection.close()
    stage.connection.close()
    assert stage.outcomes("realtime_join") == [(Outcome.GAVE_UP, "client closed")]
    assert stage.peer.close_code == 1001
    stage.run(120)
    assert len(stage.connects) == 1
    assert len(stage.said("phx_join")) == 1
    assert watched.words == []
    assert stage.wheel.next_due() is None, "a timer was left behind"


# ---- whatever happens -------------------------------------------------------------------------------------------


class Life(RuleBasedStateMachine):
    """Any order of drops, refusals, silence, screens and time: what must hold always, and that it heals in the end."""

    generation: Generation = JS_2_90

    def __init__(self) -> None:
        super().__init__()
        self.stage = Stage(self.generation)
        self.open: dict[str, Watched] = {}
        self.tokens = 0

    @rule(name=st.sampled_from("abc"))
    def enter(self, name: str) -> None:
        if f"realtime:{name}" not in self.stage.connection.channels:
            self.open[name] = self.stage.channel(name, MESSAGES).subscribe()

    @rule(name=st.sampled_from("abc"))
    def leave(self, name: str) -> None:
        if name in self.open:
            self.stage.connection.remove(self.open.pop(name).channel)

    @rule(seconds=st.sampled_from([0.001, 0.5, 1.0, 2.5, 9.0, 26.0, 70.0]))
    def wait(self, seconds: float) -> None:
        self.stage.run(seconds)

    @precondition(lambda self: self.stage.peers)
    @rule()
    def drop(self) -> None:
        self.stage.peer.drop()

    @precondition(lambda self: self.stage.peers)
    @rule()
    def freeze(self) -> None:
        self.stage.peer.alive = False

    @rule(accepts=st.sampled_from([True, False, None]), joins=st.sampled_from(["ok", "silent", "Unknown"]))
    def mood(self, accepts: bool | None, joins: str) -> None:
        self.stage.accepts, self.stage.joins = accepts, joins

    @rule(beats=st.booleans(), closes=st.booleans())
    def manners(self, beats: bool, closes: bool) -> None:
        self.stage.beats, self.stage.answers_close = beats, closes

    @rule()
    def lose_network(self) -> None:
        self.stage.connection.network_lost()

    @rule(hidden=st.booleans())
    def page(self, hidden: bool) -> None:
        (self.stage.connection.hidden if hidden else self.stage.connection.visible)()

    @rule(name=st.sampled_from("abc"))
    def speak(self, name: str) -> None:
        if name in self.open:
            channel = self.open[name].channel
            assert (channel.send("typing", {}) is Sent.SOCKET) == channel.joined
            channel.track({"here": True})

    @rule()
    def refresh(self) -> None:
        self.tokens += 1
        self.stage.connection.set_token(f"T{self.tokens}")

    @invariant()
    def at_most_one_channel_per_topic_and_only_open_ones(self) -> None:
        for topic, channel in self.stage.connection.channels.items():
            assert topic == channel.topic
            assert channel.state is not JoinState.CLOSED
        for name, watched in self.open.items():
            gone = f"realtime:{name}" not in self.stage.connection.channels
            assert gone == (watched.channel.state is JoinState.CLOSED)

    @invariant()
    def connected_means_a_living_handle(self) -> None:
        if self.stage.connection.connected:
            assert any(not peer.over for peer in self.stage.peers)

    @invariant()
    def what_is_open_is_counted(self) -> None:
        connection = self.stage.connection
        stats, held = connection.stats, list(connection.channels.values())
        assert stats.sockets == connection.connected
        assert stats.channels == len(held)
        assert stats.conversations == sum(bool(channel.config.changes) for channel in held)
        assert stats.subscriptions == sum(len(channel.config.changes) for channel in held)

    @invariant()
    def refs_never_repeat(self) -> None:
        refs = [said.ref for peer in self.stage.peers for said in peer.said if said.ref]
        assert len(refs) == len(set(refs))

    def teardown(self) -> None:
        """With a well-behaved server every channel that the client still believes in is joined again."""
        stage = self.stage
        stage.accepts, stage.joins, stage.beats, stage.answers_close = True, "ok", True, True
        stage.connection.visible()
        for peer in (*stage.peers, *stage.unanswered):
            peer.drop()
        stage.run(90)
        pending = [name for name, watched in self.open.items() if not watched.channel.joined]
        assert [name for name in pending if self.open[name].channel.state is not JoinState.CLOSED] == []
        assert stage.problems == []
        stage.connection.close()
        stage.run(400)
        assert stage.wheel.next_due() is None


class LifeNewest(Life):
    generation = JS_2_119


TestLife = Life.TestCase
TestLifeNewest = LifeNewest.TestCase
for case in (TestLife, TestLifeNewest):
    case.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)
