"""The kill switch of Locust's web page: a page of its own with one button, behind the same login and the same guard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, make_response

PATH = "/harness-kill"
_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Kill switch</title>
<meta name="viewport" content="width=device-width"></head>
<body style="font:16px sans-serif;margin:3em auto;max-width:34em"><h1>Kill switch</h1>
<p>Every worker drops its connections now. Nothing is flushed, nobody says goodbye, the test is over.</p>
<form method="post"><button style="font:inherit;padding:.7em 2em;background:#b00020;color:#fff;border:0">
Cut all load</button></form></body></html>"""


def add_kill_button(web_ui: Any, cut: Callable[[], None]) -> None:
    """cut: ends the load, in all processes. To be called after the page was protected."""

    def page() -> Response:
        return make_response(_PAGE)

    def pull() -> Response:
        cut()
        return make_response("the load is cut\n", 200, {"content-type": "text/plain"})

    guarded = web_ui.auth_required_if_enabled
    web_ui.app.add_url_rule(PATH, "harness_kill_page", guarded(page), methods=["GET"])
    web_ui.app.add_url_rule(PATH, "harness_kill", guarded(pull), methods=["POST"])
