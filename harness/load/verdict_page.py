"""The tab "Verdict" of Locust's web page, its figures as JSON, and for Prometheus. Behind the page's own guard.

Whoever may use the page may end the run, cut the load, and switch faults on where the run allows it. Posts take a
header that no page elsewhere can send without being asked first, and nobody answers such a question.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from flask import Flask, Response, make_response, request

from harness.core.secret import Secret
from harness.core.secret_filter import WORDS
from harness.core.web_names import METRICS_TOKEN_ENV
from harness.live.exposition import CONTENT_TYPE, render
from harness.live.families import families
from harness.live.hand_faults import HAND_FAULTS
from harness.live.snapshot import Snapshot

SHORTEST_TOKEN = 16
PATH = "/verdict"
MARK, MARKED = "X-Harness", "verdict"
PAGES = Path(__file__).parent / "pages"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}
_OWN_LOAD = ("/swarm", "/user", "/stats/reset")
"""Posts of Locust's page that would change a load that follows a plan, or its figures."""
LARGEST_BODY = 1_000


@dataclass(frozen=True)
class PageActions:
    """What the page shows and does. fault: name and seconds to a sentence; None: this run takes none by hand."""

    latest: Callable[[], Snapshot | None]
    stop: Callable[[], None]
    cut: Callable[[], None]
    fault: Callable[[str, float], str] | None = None
    end_fault: Callable[[str], str] | None = None


def figures(now: Snapshot, *, by_hand: bool) -> bytes:
    """The snapshot as JSON, with what follows from it; texts without secrets."""
    told: dict[str, Any] = orjson.loads(orjson.dumps(now))
    told.pop("histograms")
    told |= {"stands": now.stands, "doubts": now.doubts}
    for shown, slo in zip(told["slos"], now.slos, strict=True):
        shown |= {"margin": slo.margin, "spent": slo.spent, "recent_spent": slo.recent_spent}
    told["hand_faults"] = [[one.name, one.words] for one in HAND_FAULTS.values()] if by_hand else []
    return WORDS.text(orjson.dumps(told).decode()).encode()


def add_verdict_page(
    web_ui: Any, actions: PageActions, environ: Mapping[str, str], base: str = "", *, planned: bool = True
) -> None:
    """To be called after the page was protected, and before it listens. base: what its paths begin with.

    planned: the load is a plan's, and Locust's own forms change none of it.
    """
    app: Flask = web_ui.app
    guarded = web_ui.auth_required_if_enabled
    base = base.rstrip("/")
    by_hand = actions.fault is not None
    token = Secret(environ.get(METRICS_TOKEN_ENV, ""))

    def add(path: str, name: str, view: Callable[[], Response], *, method: str = "GET") -> None:
        app.add_url_rule(base + path, f"harness_{name}", guarded(view), methods=[method])

    def current() -> Response:
        now = actions.latest()
        return _told(figures(now, by_hand=by_hand), "application/json") if now is not None else _said("", 204)

    def metrics() -> Response:
        now = actions.latest()
        return _told(WORDS.text("" if now is None else render(families(now))), CONTENT_TYPE)

    def scraped() -> Any:
        if web_ui.web_login and _bears(token):
            return metrics()
        return guarded(metrics)()

    add(PATH, "verdict", lambda: _file("verdict.html"))
    for name in ("page.css", "page.js", "tab.js"):
        add(f"{PATH}/{name}", name.replace(".", "_"), lambda name=name: _file(name))  # type: ignore[misc]
    add(f"{PATH}.json", "figures", current)
    app.add_url_rule(f"{base}/metrics", "harness_metrics", scraped, methods=["GET"])
    for path, name, act in (
        ("/stop", "stop", lambda _: _acted(actions.stop, "the run is being ended")),
        ("/cut", "cut", lambda _: _acted(actions.cut, "the load is cut")),
        ("/fault", "fault", lambda body: _fault(actions, body)),
        ("/fault/end", "fault_end", lambda body: _end_fault(actions, body)),
    ):
        add(PATH + path, name, _posted(act), method="POST")
    if planned:
        app.before_request(_planned(base, guarded(lambda: _ended(actions))))
    app.after_request_funcs.setdefault(None, []).append(_with_tab(base))


def _posted(act: Callable[[dict[str, Any]], Response]) -> Callable[[], Response]:
    def view() -> Response:
        if request.headers.get(MARK) != MARKED:
            return _said(f"refused: a post here carries the header {MARK}: {MARKED}", 403)
        if (request.content_length or 0) > LARGEST_BODY:
            return _said("refused: too long", 413)
        try:
            body = orjson.loads(request.get_data() or b"{}")
        except orjson.JSONDecodeError:
            body = None
        return act(body) if isinstance(body, dict) else _said("refused: not a JSON object", 400)

    return view


def _acted(act: Callable[[], None], said: str) -> Response:
    act()
    return _said(said)


def _fault(actions: PageActions, body: dict[str, Any]) -> Response:
    name, seconds = body.get("name"), body.get("seconds")
    if actions.fault is None:
        return _said("refused: this run takes no faults by hand (harness run --fault-buttons)", 409)
    if not isinstance(name, str) or isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return _said("refused: a fault has a name and seconds", 400)
    why = actions.fault(name, float(seconds))
    return _said(f"refused: {why}", 409) if why else _said(f"asked for: {HAND_FAULTS[name].words}, {seconds:g} s")


def _end_fault(actions: PageActions, body: dict[str, Any]) -> Response:
    entry = body.get("entry")
    if actions.end_fault is None or not isinstance(entry, str):
        return _said("refused: no such fault", 409)
    why = actions.end_fault(entry)
    return _said(f"refused: {why}", 409) if why else _said("asked for its end")


def _bears(token: Secret) -> bool:
    given = request.headers.get("Authorization", "").removeprefix("Bearer ").encode()
    right = token.reveal().encode()
    return len(right) >= SHORTEST_TOKEN and hmac.compare_digest(given, right)


def _ended(actions: PageActions) -> Response:
    """Locust's own button for it."""
    actions.stop()
    return _told(orjson.dumps({"success": True, "message": "the run is being ended"}), "application/json")


def _planned(base: str, end: Callable[[], Response]) -> Callable[[], Response | None]:
    """Locust's own buttons, in a run that follows a plan: its load is nobody's to change, and its end is a clean one.

    end: for whoever may.
    """

    def gate() -> Response | None:
        path = request.path.removeprefix(base).rstrip("/")
        if request.method == "POST" and path in _OWN_LOAD:
            return _said("refused: this run follows its plan; end it, and start another one with `harness run`", 409)
        return end() if request.method == "POST" and path == "/stop" else None

    return gate


def _with_tab(base: str) -> Callable[[Response], Response]:
    """What Locust's pages say leaves without secrets; and its first one gets our script."""
    script = f'<script src="{base}{PATH}/tab.js" data-verdict="{base}{PATH}"></script></body>'

    def after(response: Response) -> Response:
        if response.is_streamed or response.mimetype not in ("text/html", "application/json", "text/csv"):
            return response
        text = response.get_data(as_text=True)
        clean = WORDS.known(text)
        if request.path.rstrip("/") == base and response.mimetype == "text/html":
            clean = clean.replace("</body>", script, 1)
        if clean is not text:
            response.set_data(clean)
        return response

    return after


def _file(name: str) -> Response:
    return _told((PAGES / name).read_bytes(), _TYPES[Path(name).suffix])


def _told(data: bytes | str, kind: str) -> Response:
    response = make_response(data, 200, {"content-type": kind if "charset" in kind else f"{kind}; charset=utf-8"})
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    return response


def _said(text: str, status: int = 200) -> Response:
    return make_response(f"{text}\n" if text else "", status, {"content-type": "text/plain; charset=utf-8"})
