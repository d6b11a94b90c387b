"""A page's Realtime: one client with one socket, presence for the whole app, a room for each open conversation.

Contract realtime 2.1 to 2.3. The client belongs to the page load: it goes with the page, and with the network. Where a
worker has no sockets (`realtime = false` in the profile) there is nothing here, and conversations behave as if joined.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.client.api.chat_shapes import Summary
from harness.client.realtime.client import Channel, RealtimeClient
from harness.client.realtime.conversation_channel import ConversationChannel, Listener
from harness.client.realtime.presence_channel import PresenceChannel
from harness.core.delivery import ChannelTopic, FactKind

if TYPE_CHECKING:
    from harness.client.device import Device


class RealtimeSession:
    """Use `phone.page.live`."""

    def __init__(self, phone: Device) -> None:
        self._phone = phone
        self._client: RealtimeClient | None = None
        self._presence: PresenceChannel | None = None
        self._rooms: dict[str, ConversationChannel] = {}
        self._over = False

    # ---- the client -----------------------------------------------------------------------------------------

    @property
    def client(self) -> RealtimeClient | None:
        """Made when first asked for; None where there are no sockets, and after the end of the page."""
        phone = self._phone
        sockets = phone.kit.sockets
        if self._client is None and sockets is not None and not self._over:
            self._client = RealtimeClient(
                loop=phone.kit.loop,
                wheel=sockets.wheel,
                origin=phone.kit.origin,
                tls=phone.kit.tls,
                apikey=sockets.apikey,
                token=self._token,
                observer=phone.kit.observer,
                generation=sockets.generation,
                online=lambda: phone.link.online,
                stats=sockets.stats,
                tally=sockets.tally,
                through=None if phone.fault_injector is None else phone.fault_injector.through,
            )
            sockets.live.add(self)
        return self._client

    def _token(self) -> str | None:
        account = self._phone.account
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

    def track(self) -> None:
        """The presence timer: say that this person is here; joins the room the first time somebody is signed in."""
        client = self.client
        if client is None or self._phone.account is None:
            return
        if self._presence is None:
            self._presence = PresenceChannel(self._phone, client)
            self._presence.join()
            # auth-js reports the stored session right after: the first join goes without a token, all later ones with
            client.set_auth(self._phone.account.access_token)
        else:
            self._presence.track()

    def signed_in_anew(self) -> None:
        """The auth client reports a session, new or again: joined channels get its token, presence leaves and joins."""
        token = self._token()
        if self._client is None or token is None:
            return
        self._client.set_auth(token)
        if self._presence is not None:
            self._presence.leave()
            self._presence.join()

    # ---- conversations --------------------------------------------------------------------------------------

    def enter(self, summary: Summary, listener: Listener) -> ConversationChannel | None:
        """The room of a conversation whose screen opens; the same one for every holder until the last leaves."""
        client = self.client
        if client is None:
            return None
        if self._presence is None:
            self.track()  # the app is in its room before any screen is
        room = self._rooms.get(summary.conversation)
        if room is None:
            room = self._rooms[summary.conversation] = ConversationChannel(self._phone, client, summary)
            room.join()
        room.hold(listener)
        return room

    def leave(self, room: ConversationChannel, listener: Listener) -> None:
        """A holder is gone; with the last one the channels are removed."""
        if room.release(listener) or self._rooms.get(room.conversation) is not room:
            return
        del self._rooms[room.conversation]
        room.leave()
        self._audit()

    def overhear(self, conversation: str) -> ConversationChannel | None:
        """Listen to a conversation that this person is no member of, which no app does: whatever comes is a leak of
        the service. Ends with the page."""
        client = self.client
        if client is None or conversation in self._rooms:
            return None
        room = self._rooms[conversation] = ConversationChannel(
            self._phone, client, Summary(conversation, False, ()), member=False
        )
        room.join()
        return room

    def _audit(self) -> None:
        """No channel may outlive its screen."""
        held = {name for room in self._rooms.values() for name in room.topics}
        presence = self._presence.topic if self._presence is not None else ""
        for channel in self.channels:
            if channel.topic not in held and channel.topic != presence:
                self._phone.saw(FactKind.LEAKED, channel.topic, str(ChannelTopic.CHANGES))

    # ---- what happens to the page -----------------------------------------------------------------------------

    def lost(self) -> None:
        """The network is gone."""
        if self._client is not None:
            self._client.network_lost()

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
        and the app's presence depends on it (contract 2.3)."""
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
        for room in self._rooms.values():
            room.gone()
        self._rooms.clear()
        self._presence = None
        if killed:
            client.network_lost()
        client.close()
        sockets = self._phone.kit.sockets
        if sockets is not None:
            sockets.live.discard(self)
