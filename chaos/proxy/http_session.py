"""HTTP/1.1 on one proxied connection: one exchange at a time, each treated as the proxy's faults decide.

Bytes that no fault concerns pass exactly as they came. What is not HTTP/1.1 is passed on raw.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from chaos.byte_faults import StageTimer
from chaos.fault import Fault
from chaos.http1 import MalformedHttp, MessageHead, MessageMark, MessageScanner
from chaos.http_fault import UNTOUCHED, InjectedReply, RequestHead, RequestTreatment, person
from chaos.proxy.ports import HttpOwner, PauseReason

ENOUGH = 256 * 1024  # bytes kept for later before a socket is no longer read
LONGEST_COPY = 1 << 20
BODILESS = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
"""A reply of these ends with its head, whatever that says: a body would be read as the next reply."""


class HttpExchange:
    """One request and its reply."""

    __slots__ = ("copy", "faults", "held", "replied", "sent", "timer", "treatment", "upgraded")

    def __init__(self, treatment: RequestTreatment, faults: Sequence[Fault]) -> None:
        self.treatment = treatment
        self.faults = faults  # that decided it
        self.sent = False  # the request is complete
        self.replied = False  # the reply is complete
        self.upgraded = False
        self.copy: bytearray | None = bytearray() if treatment.copies else None
        self.held: list[bytes] | None = None  # the reply, while it is held back
        self.timer: StageTimer | None = None


class HttpSession:
    """Made by the connection's session when its traffic has to be read."""

    __slots__ = ("_ahead", "_exchange", "_over", "_reading", "_replies", "_requests", "_server_ended", "_session")

    def __init__(self, session: HttpOwner) -> None:
        self._session = session
        self._requests = MessageScanner(reply=False)
        self._replies = MessageScanner(reply=True)
        self._exchange: HttpExchange | None = None
        self._server_ended = False
        self._reading = False  # requests are being read: whatever ends one goes on there
        self._over = False  # the connection ends behind the last reply: nothing more is read
        self._ahead = b""  # of a handshake that was passed on before this was made: what the client sent behind it

    # ---- from the sockets -------------------------------------------------------------------------------------

    def follow(self, ahead: bytes) -> None:
        """A websocket's handshake was passed on, with the bytes `ahead` behind it: read its reply."""
        self._exchange = HttpExchange(UNTOUCHED, ())
        self._exchange.sent = True
        self._ahead = ahead

    def from_client(self, data: bytes) -> None:
        if self._over:
            return
        self._requests.push(data)
        self._read_requests()

    def from_server(self, data: bytes) -> None:
        if self._over:
            return
        self._replies.push(data)
        self._read_replies()

    def eof(self, *, from_client: bool) -> None:
        """One side will send nothing more."""
        session = self._session
        if from_client:
            waits = session.proxy.is_tls or self._requests.buffered
            if waits and self._exchange is not None and not session.client.gone:
                return  # more requests are waiting; or TLS, which knows no half-close and would lose the reply
            self._pass_rest()
            session.up.eof()
            return
        self._server_ended = True
        if self._exchange is not None:
            self._replies.pull_end()
            self._exchange.replied = True
            if self._exchange.held is None:
                self._finish()
        if self._exchange is None:
            session.down.eof()

    def update_faults(self) -> None:
        """The faults changed: a reply that is held back by one that is no more goes on, and so does half a head."""
        session, exchange = self._session, self._exchange
        if exchange is None and not session.proxy.reads_http:
            session.become_raw()
            self._pass_rest()
            return
        if exchange is None or exchange.held is None:
            return
        present = {id(toxic.fault) for toxic in self._session.proxy.http_toxics}
        if any(id(fault) not in present for fault in exchange.faults):
            self._let_go()

    def dispose(self) -> None:
        """The session is over."""
        if self._exchange is not None and self._exchange.timer is not None:
            self._exchange.timer.cancel()

    # ---- requests ---------------------------------------------------------------------------------------------

    def _read_requests(self) -> None:
        self._reading = True
        try:
            self._read_parts()
        except MalformedHttp:
            self._give_up()
            return
        finally:
            self._reading = False
        if self._session.http is self and self._requests.buffered > ENOUGH:
            self._session.client.pause(PauseReason.HTTP)

    def _read_parts(self) -> None:
        while self._session.http is self and not self._over and (self._exchange is None or not self._exchange.sent):
            part = self._requests.pull()
            if part is None:
                return
            if isinstance(part, MessageHead):
                self._begin(part)
            elif isinstance(part, bytes):
                self._send(part)
            else:
                self._sent()

    def _begin(self, head: MessageHead) -> None:
        session = self._session
        request = RequestHead(head.method, head.target, head.headers)
        key = person(head.headers) or session.key if session.proxy.http_toxics else ""
        treatment, faults = session.proxy.treatment_of(request, key)
        self._exchange = HttpExchange(treatment, faults)
        self._replies.no_body = head.method == "HEAD"
        self._send(session.proxy.readdressed(head.raw))
        if treatment.answer is not None and "expect" in head.headers:
            self._sent()  # the client waits for a word before it sends the body

    def _send(self, data: bytes) -> None:
        exchange = self._exchange
        assert exchange is not None
        if exchange.copy is not None:
            exchange.copy += data
            if len(exchange.copy) > LONGEST_COPY:
                exchange.copy = None
        if exchange.treatment.answer is None:
            self._session.up.feed(data)

    def _sent(self) -> None:
        exchange = self._exchange
        assert exchange is not None
        exchange.sent = True
        if exchange.copy and exchange.treatment.answer is None:
            for after_s in exchange.treatment.copies:
                self._session.proxy.send_copy(bytes(exchange.copy), after_s)
        if exchange.treatment.answer is not None:
            self._reply(rendered(exchange.treatment.answer, no_body=self._replies.no_body))
            exchange.replied = True
        if exchange.replied and exchange.held is None:
            self._finish()

    # ---- replies ----------------------------------------------------------------------------------------------

    def _read_replies(self) -> None:
        try:
            while self._exchange is not None and not self._exchange.replied:
                part = self._replies.pull()
                if part is None:
                    break
                if isinstance(part, MessageHead):
                    self._exchange.upgraded = part.status == HTTPStatus.SWITCHING_PROTOCOLS
                    interim = part.status < HTTPStatus.OK and not self._exchange.upgraded
                    self._reply(part.raw, at_once=interim)
                    if interim:
                        self._replies.pull()
                elif isinstance(part, bytes):
                    self._reply(part)
                if part is MessageMark.END:
                    self._exchange.replied = True
                    if self._exchange.sent and self._exchange.held is None:
                        self._finish()
                if self._session.http is not self:
                    return
        except MalformedHttp:
            self._give_up()
            return
        if self._exchange is None and self._replies.buffered:
            self._session.down.feed(self._replies.rest())  # unasked for, such as 408 before the close
        elif self._replies.buffered > ENOUGH:
            self._session.server.pause(PauseReason.HTTP)

    def _reply(self, data: bytes, *, at_once: bool = False) -> None:
        exchange = self._exchange
        assert exchange is not None
        if exchange.treatment.drop:
            return
        if at_once or not exchange.treatment.delay_s:
            self._session.down.feed(data)
            return
        if exchange.held is None:
            exchange.held = []
            clock = self._session.proxy.clock
            exchange.timer = clock.call_at(clock.time() + exchange.treatment.delay_s, self._let_go)
        exchange.held.append(data)
        if sum(map(len, exchange.held)) > ENOUGH:
            self._session.server.pause(PauseReason.HTTP)

    def _let_go(self) -> None:
        """The delay is over."""
        exchange = self._exchange
        assert exchange is not None
        if exchange.timer is not None:
            exchange.timer.cancel()
        held, exchange.held, exchange.timer = exchange.held or [], None, None
        exchange.treatment = RequestTreatment(answer=exchange.treatment.answer, drop=exchange.treatment.drop)
        for data in held:
            self._session.down.feed(data)
        self._session.server.resume(PauseReason.HTTP)
        if exchange.replied and exchange.sent:
            self._finish()

    # ---- the end of an exchange -------------------------------------------------------------------------------

    def _finish(self) -> None:
        session, exchange, self._exchange = self._session, self._exchange, None
        assert exchange is not None
        session.client.resume(PauseReason.HTTP)
        if exchange.treatment.drop:
            self._over = True
            session.reset() if exchange.treatment.drop == "reset" else session.close_behind()
        elif exchange.upgraded:
            self._upgrade()
        elif self._server_ended:
            session.down.eof()
        elif exchange.treatment.answer is not None and not self._requests.between:
            self._over = True
            session.down.eof()  # the rest of a request that was answered early can only be garbage
        elif session.proxy.reads_http and not self._ahead:
            if self._reading:
                return
            if self._requests.buffered:
                self._read_requests()
            self._pass_end()
        else:
            session.become_raw()
            self._pass_rest()
            self._pass_end()

    def _upgrade(self) -> None:
        session, from_client, from_server = self._session, self._requests.rest(), self._replies.rest()
        session.become_websocket()
        if self._ahead:
            session.up.followed(self._ahead)
        if from_client:
            session.up.feed_frames(from_client)
        if from_server:
            session.down.feed_frames(from_server)

    def _pass_end(self) -> None:
        """The client had ended while an exchange was in flight."""
        if self._session.client.ended and self._exchange is None:
            self._pass_rest()
            self._session.up.eof()

    def _pass_rest(self) -> None:
        rest = self._requests.rest()
        if rest:
            self._session.up.feed(rest)

    def _give_up(self) -> None:
        """Not HTTP/1.1 after all: pass everything on as it is."""
        session, from_client, from_server = self._session, self._requests.rest(), self._replies.rest()
        if self._exchange is not None and self._exchange.held is not None:
            exchange, self._exchange = self._exchange, None
            self.dispose()
            for data in exchange.held or ():
                session.down.feed(data)
        session.become_raw()
        if from_client:
            session.up.feed(from_client)
        if from_server:
            session.down.feed(from_server)


def rendered(answer: InjectedReply, *, no_body: bool) -> bytes:
    """The answer as bytes on the wire."""
    body = answer.body.encode("utf-8", "replace")
    try:
        phrase = HTTPStatus(answer.status).phrase
    except ValueError:
        phrase = "Injected"
    fields = f"HTTP/1.1 {answer.status} {phrase}\r\nx-chaos: http_status\r\n"
    if answer.status in BODILESS:
        body = b""
    else:
        fields += f"content-type: {answer.content_type}\r\ncontent-length: {len(body)}\r\n"
    return f"{fields}\r\n".encode("latin-1", "replace") + (b"" if no_body else body)
