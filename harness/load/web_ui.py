"""Who may use Locust's web page: this machine, or whoever logs in; and never another web page.

Locust's page starts load against an address that its form names, listens on every interface, asks nobody for a name,
and lets every origin read its answers. Under our personas it listens on loopback unless `--web-login` is given with a
password (`HARNESS_WEB_PASSWORD`); it answers to loopback names only, refuses what a foreign page sends, and starts
nothing against a host that is neither loopback nor the one of the command line.
"""

from __future__ import annotations

import hmac
import logging
import secrets
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, jsonify, make_response, redirect, request, session, url_for
from flask_login import LoginManager, UserMixin, login_user

from harness.core.errors import UsageError
from harness.core.secret import Secret
from harness.core.target_guard import is_loopback
from harness.core.web_names import WEB_PASSWORD_ENV as PASSWORD_ENV
from harness.core.web_names import WEB_USER as USER
from harness.core.web_names import WEB_USER_ENV as USER_ENV

SHORTEST_PASSWORD = 8
LOGIN_PATH = "/harness-login"
_ENTRANCES = ("", "/login")
"""Pages that a link on another site may lead to: they show, and change nothing."""

log = logging.getLogger(__name__)


def listens_on(given: str, *, login: bool, environ: Mapping[str, str]) -> str:
    """The address that the page is to listen on; `given` is `--web-host`, empty where it was not.

    :raises UsageError: it would be open to others without a login, or its login has no password.
    """
    host = given.strip()
    if login:
        if len(environ.get(PASSWORD_ENV, "")) < SHORTEST_PASSWORD:
            raise UsageError(
                "the web UI's login has no password",
                where="locust --web-login",
                remedy=f"set {PASSWORD_ENV} to {SHORTEST_PASSWORD} characters or more (and {USER_ENV}, unless the name "
                f"may be {USER}), or leave --web-login out and use the page on this machine only",
            )
        return "" if host == "*" else host or "127.0.0.1"
    if not host:
        return "127.0.0.1"
    if not is_loopback(host.strip("[]")):
        raise UsageError(
            f"the web UI on {host} would start load for anybody who reaches it",
            where="locust --web-host",
            remedy=f"leave --web-host out (127.0.0.1), or give --web-login and set {PASSWORD_ENV}",
        )
    return host


def protect(web_ui: Any, given: str, commanded: str, environ: Mapping[str, str], base: str = "") -> None:
    """Do all of that to Locust's page before it listens. commanded: the target of the command line, or empty; base:
    what its paths begin with.

    :raises UsageError: see `listens_on`.
    """
    login = bool(web_ui.web_login)
    web_ui.host = listens_on(given, login=login, environ=environ)
    if not given:
        log.warning("the web interface listens on %s only, whatever stands above", web_ui.host)
    app: Flask = web_ui.app
    app.debug = False
    app.before_request(_gate(login=login, base=base.rstrip("/"), commanded=commanded))
    app.after_request_funcs.setdefault(None, []).insert(0, _for_nobody_else)  # the first in is the last to be asked
    if login:
        _add_login(app, web_ui, environ)


def _gate(*, login: bool, base: str, commanded: str) -> Callable[[], Response | None]:
    """What is asked of every request before Locust sees it."""

    def gate() -> Response | None:
        path = request.path.removeprefix(base).rstrip("/")
        if why := refusal(dict(request.headers), path, login=login, method=request.method):
            return make_response(f"refused: {why}\n", 403)
        if request.method == "POST" and path == "/swarm":
            host = request.form.get("host", "")
            if host and not may_load(host, commanded):
                message = "this page starts load against this machine, or the host of the command line, only"
                return make_response(jsonify({"success": False, "message": message, "host": commanded}), 403)
        return None

    return gate


def refusal(headers: Mapping[str, str], path: str, *, login: bool, method: str = "GET") -> str:
    """Why a request is not answered; empty when it is."""
    host = headers.get("Host", "")
    if not login and not is_loopback(_name(host)):
        return "this page answers to names of this machine only"
    if origin := headers.get("Origin"):
        parts = _split(origin)
        if parts is None or parts.scheme not in ("http", "https") or parts.netloc.lower() != host.lower():
            return "another web page sent this"
    foreign = headers.get("Sec-Fetch-Site", "none") in ("cross-site", "same-site")
    if foreign and (method != "GET" or path not in _ENTRANCES):
        return "another web page sent this"
    return ""


def may_load(host: str, commanded: str) -> bool:
    """Whether the page's form may name this target."""
    parts = _split(host if "://" in host else f"http://{host}")
    if parts is None or "@" in parts.netloc or "\\" in host:
        return False
    return host.rstrip("/") == commanded.rstrip("/") or is_loopback(parts.hostname or "")


def _for_nobody_else(response: Response) -> Response:
    for name in list(response.headers.keys()):
        if name.lower().startswith("access-control-"):
            del response.headers[name]
    response.headers["X-Frame-Options"] = "DENY"
    return response


class _WebUser(UserMixin):  # type: ignore[misc]  # flask-login has no types
    """Whoever knows the password."""

    def __init__(self, name: str) -> None:
        self.id = name


def _add_login(app: Flask, web_ui: Any, environ: Mapping[str, str]) -> None:
    """A name and a password behind Locust's own page for them."""
    name, password = environ.get(USER_ENV) or USER, Secret(environ[PASSWORD_ENV])
    app.config["SECRET_KEY"] = secrets.token_urlsafe(48)
    app.config.update(SESSION_COOKIE_SAMESITE="Strict", SESSION_COOKIE_HTTPONLY=True)
    manager: LoginManager = web_ui.login_manager
    manager.user_loader(lambda given: _WebUser(name) if given == name else None)
    web_ui.auth_args = {"username_password_callback": LOGIN_PATH}

    @app.route(LOGIN_PATH, methods=["POST"])
    def log_in() -> Any:
        given = [request.form.get(field, "").encode() for field in ("username", "password")]
        right = [name.encode(), password.reveal().encode()]
        if all(list(map(hmac.compare_digest, given, right))):
            login_user(_WebUser(name))
            return redirect(url_for("locust.index"))
        session["auth_error"] = "Wrong name or password"
        return redirect(url_for("locust.login"))


def _name(host: str) -> str:
    parts = _split(f"http://{host}")
    return (parts.hostname or "") if parts is not None and "@" not in host else ""


def _split(url: str) -> Any:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises for a bad one
    except ValueError:
        return None
    return parts
