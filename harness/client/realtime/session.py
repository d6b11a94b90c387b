"""A page's Realtime: one client with one socket, presence for the whole app, a channel for each open conversation.

Contract realtime 2.1 to 2.3. The client belongs to the page load: it goes with the page, and with the network. Where a
worker has no sockets (`realtime = false` in the profile) there is nothing here, and conversations behave as if joined.
"""

from __future__ import annotations

from collections.abc import Callable

from harness.client.api.chat_shapes import Summary
from harness.client.api.classify import Reading
from harness.client.realtime.client import Channel, RealtimeClient
from harness.client.realtime.conversation_channel import ConversationChannel, Listener
from harness.client.realtime.host import RealtimeHost
from harness.client.realtime.phoenix.connection import Through
from harness.client.realtime.presence_channel import PresenceChannel
from harness.client.realtime.told_account import ToldAccount
from harness.client.realtime.told_keys import RowKey
from harness.core.delivery_facts import ChannelTopic, FactKind
from harness.core.outcome import Outcome

USERS_OF_A_LOAD = 3
"""User objects, and so joins of the presence channel, of a page load with a stored session; one after signing in."""


Answered = Callable[[Reading], object]
"""Told how the request ended that wrote a row."""


def _nobody(_reading: Reading) -> None:
    """No channel is open that could tell of it."""


class RealtimeSession:
    """Use `phone.page.realtime`. user_since: loop time from which the app's user is the object that it is now; the
    presence timer counts from there."""

    def __init__(self, host: RealtimeHost, *, through: Through | None = None) -> None:
        """through: what messages pass on their way in, for faults."""
        self._host = host
        self._through = through
        self._client: RealtimeClient | None = None
        self._presence: PresenceChannel | None = None
        self._conversations: dict[str, ConversationChannel] = {}
        self._over = False
        self.user_since = 0.0

    # ---- the client -----------------------------------------------------------------------------------------

    @property
    def client(self) -> RealtimeClient | None:
        """Made when first asked for; None where there are no sockets, and after the end of the page."""
        host = self._host
        sockets = host.kit.sockets
        if self._client is None and sockets is not None and not self._over:
            self._client = RealtimeClient(
                loop=host.kit.loop,
                wheel=sockets.wheel,
                origin=host.kit.origin,
                tls=host.kit.tls,
                apikey=sockets.apikey,
                token=self._token,
                observer=host.kit.observer,
                generation=sockets.generation,
                online=lambda: host.network.online,
                stats=sockets.stats,
                tally=sockets.tally,
                through=self._through,
                gate=host.kit.gate.of_phone(host.person.number),
                budget=host.kit.wire_budget,
                app_origin=sockets.app_origin,
                later=host.jitter,
            )
        return self._client

    def _token(self) -> str | None:
        account = self._host.auth.account
        return None if account is None else account.access_token

    @property
    def connected(self) -> bool:
        """Whether there is an open socket."""
        return self._client is not None and self._client.connected

    @property
    def channels(self) -> tuple[Channel, ...]:
        """What the client holds."""
        return () if self._client is None else self._client.channels

    # ---- presence -------------------------------------------------------------------------------------------

    def enter_presence(self) -> None:
        """Somebody is signed in on the page: it joins the channel, unless it has, and tracks once it has joined. Phones
        whose settings want no presence here and now do not."""
        client, account = self.client, self._host.auth.account
        if client is None or account is None or self._presence is not None or not self._wants_presence:
            return
        self._presence = PresenceChannel(self._host, client)
        client.set_auth(account.access_token)
        self._presence.join()

    @property
    def _wants_presence(self) -> bool:
        mode = self._host.kit.settings.presence
        return mode == "always" or (mode == "chats" and bool(self._conversations))

    def track(self) -> None:
        """The presence timer: say that this person is here; joins the channel the first time somebody is signed in."""
        if self._presence is None:
            self.enter_presence()
        else:
            self._presence.track()

    def user_told(self) -> None:
        """The server has said who is signed in: that and the session's own report make the user another object twice,
        so that presence leaves and joins twice."""
        self.user_since = self._host.clock.now()
        if self._presence is not None and self._token() is not None:
            for _ in range(USERS_OF_A_LOAD - 1):
                self._presence.leave()
                self._presence.join()

    def signed_in_anew(self) -> None:
        """The auth client reports a session, new or again: joined channels get its token, presence leaves and joins."""
        token = self._token()
        self.user_since = self._host.clock.now()
        if self._client is None or token is None:
            return
        self._client.set_auth(token)
        if self._presence is not None:
            self._presence.leave()
            self._presence.join()

    # ---- conversations --------------------------------------------------------------------------------------

    def enter(self, summary: Summary, listener: Listener) -> ConversationChannel | None:
        """The channel of a conversation whose screen opens; the same one for every holder until the last leaves."""
        client = self.client
        if client is None:
            return None
        if self._presence is None:
            self.enter_presence()  # the app is in its channel before any screen is
        if self._presence is None and (token := self._token()) is not None:
            client.set_auth(token)
        channel = self._conversations.get(summary.conversation)
        if channel is None:
            channel = self._conversations[summary.conversation] = ConversationChannel(
                self._host, client, summary, as_sent=self._through is None
            )
            channel.join()
            self.enter_presence()  # where only chats have it
        channel.hold(listener)
        return channel

    def leave(self, channel: ConversationChannel, listener: Listener) -> None:
        """A holder is gone; with the last one the channels are removed."""
        if channel.release(listener) or self._conversations.get(channel.conversation) is not channel:
            return
        del self._conversations[channel.conversation]
        channel.leave()
        if self._presence is not None and not self._wants_presence:
            self._presence.leave()
            self._presence = None
        self._audit()

    def leaves(self, conversation: str, key: RowKey) -> Answered:
        """A request leaves that writes this row of a conversation; call what comes back with how it ended. Where the
        conversation is open, its channel has to tell of the row."""
        told = self._told(conversation)
        if told is None:
            return _nobody
        sent = told.leaves(key)
        return lambda reading: told.stored(key, sent) if reading.outcome is Outcome.OK else None

    def removes(self, conversation: str, key: RowKey) -> None:
        """A request leaves that takes this row of a conversation away."""
        told = self._told(conversation)
        if told is not None:
            told.removes(key)

    def _told(self, conversation: str) -> ToldAccount | None:
        channel = self._conversations.get(conversation)
        return None if channel is None else channel.told

    def overhear(self, conversation: str) -> ConversationChannel | None:
        """Listen to a conversation that this person is no member of, which no app does: whatever comes is a leak of
        the service. Ends with the page."""
        client = self.client
        if client is None or conversation in self._conversations:
            return None
        channel = self._conversations[conversation] = ConversationChannel(
            self._host, client, Summary(conversation, False, ()), member=False
        )
        channel.join()
        return channel

    def _audit(self) -> None:
        """No channel may outlive its screen."""
        held = {name for channel in self._conversations.values() for name in channel.topics}
        presence = self._presence.topic if self._presence is not None else ""
        for one in self.channels:
            if one.topic not in held and one.topic != presence:
                self._host.notes.saw(FactKind.LEAKED, one.topic, str(ChannelTopic.CHANGES))

    # ---- what happens to the page -----------------------------------------------------------------------------

    def lost(self) -> None:
        """The network is gone."""
        if self._client is not None:
            self._client.network_lost()

    def reset(self) -> None:
        """The connection ends as if the server had reset it; the network stays."""
        if self._client is not None:
            self._client.reset()

    def back(self) -> None:
        """The network is back."""
        if self._client is not None:
            self._client.network_back()

    def hidden(self) -> None:
        """The app goes to the background: presence says "away"."""
        if self._client is not None:
            self._client.hidden()
        if self._presence is not None:
            self._presence.track()

    def shown(self) -> None:
        """The app is back: presence says so, and then once more, because auth-js reports the session again on focus
        and the app's presence depends on it (contract realtime 2.3)."""
        if self._client is not None:
            self._client.visible()
        if self._presence is not None:
            self._presence.track()
        self.signed_in_anew()

    def close(self, *, killed: bool = False) -> None:
        """The page is gone; killed: without a word, so that the server finds a dead connection."""
        self._over = True
        client, self._client = self._client, None
        if client is None:
            return
        for channel in self._conversations.values():
            channel.gone()
        self._conversations.clear()
        if self._presence is not None:
            self._presence.gone()
            self._presence = None
        if killed:
            client.network_lost()
        client.close()
