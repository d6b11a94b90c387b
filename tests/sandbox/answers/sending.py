"""A line of `tests/data/answers/` as a request to a sandbox, and its reply in the table's words."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from dataclasses import dataclass
from typing import Any

import httpx

DEPTH = 2000
CORS_HEADERS = (
    *("access-control-allow-origin", "access-control-allow-headers", "access-control-allow-methods"),
    *("access-control-allow-credentials", "access-control-expose-headers", "access-control-max-age", "vary"),
)
_OTHER_HEADERS = ("content-type", "cache-control", "x-function", "x-request-id", "retry-after", "x-movinesta-rerank")
_BASIC = "authorization, x-client-info, apikey, content-type"
_SHARED = {
    "access-control-allow-headers": f"{_BASIC}, x-job-token, x-request-id, x-runner-job-id",
    "access-control-allow-methods": "GET, POST, OPTIONS",
    "access-control-expose-headers": "x-request-id, x-runner-job-id, retry-after",
    "vary": "Origin",
}
_OWN = {"access-control-allow-origin": "*", "access-control-allow-methods": "POST, OPTIONS"}
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(Z|\+00:00)")
_UNKNOWN = "99999999-9999-4999-8999-999999999999"


def cors(name: str, origin: str | None) -> dict[str, str]:
    """The headers that a table calls so."""
    sets = {
        "none": {},
        "any": {**_SHARED, "access-control-allow-origin": "*"},
        "denied": _SHARED,
        "experiments": {**_OWN, "access-control-allow-headers": f"{_BASIC}, x-request-id, x-runner-job-id"},
        "onboarding": {**_OWN, "access-control-allow-headers": _BASIC},
    }
    if name == "origin":
        assert origin is not None
        own = {"access-control-allow-origin": origin, "access-control-allow-credentials": "true"}
        return {**_SHARED, **own}
    return sets[name]


@dataclass(frozen=True)
class Sender:
    """Sends to one sandbox. people: the ids of the first six people in it."""

    client: httpx.Client
    anon_key: str
    service_key: str
    secret: str
    people: tuple[str, ...]

    def send(self, function: str, row: dict[str, Any]) -> httpx.Response:
        """The request of a line."""
        headers = {name: self._filled(value) for name, value in row.get("headers", {}).items()}
        key = row.get("key", self.anon_key)
        if key is not None:
            headers["apikey"] = key
        if "token" in row:
            headers["authorization"] = self.authorization(row["token"])
        content = self._content(row)
        if content is not None and "content-type" not in headers and not row.get("untyped"):
            headers["content-type"] = "application/json"
        request = self.client.build_request(
            row["method"], f"/functions/v1/{function}", content=content, headers=headers
        )
        return self.client.send(request)

    def authorization(self, name: str) -> str:
        """The header for one of the tables' tokens."""
        whole = {"basic": "Basic abc", "lower": f"bearer {self._token()}", "spaces": f"Bearer   {self._token()}"}
        if name in whole:
            return whole[name]
        now = int(time.time())
        tokens: dict[str, str] = {
            "good": self._token(),
            "garbage": "garbage",
            "three": "a.b.c",
            "expired": self._token(exp=now - 60),
            "noexp": self._token(exp=None),
            "forged": self._token("x" * 40),
            "nosub": self._token(sub=None),
            "unknown": self._token(sub=_UNKNOWN),
            "baduuid": self._token(sub="not-a-uuid"),
            "emptysub": self._token(sub=""),
            "expstr": self._token(exp=str(now + 3600)),
            "role": self._token(role="nobody"),
            "norole": self._token(role=None),
            "anon": self.anon_key,
            "service": self.service_key,
        }
        return f"Bearer {tokens[name]}"

    def told(self, row: dict[str, Any], reply: httpx.Response) -> dict[str, Any]:
        """The reply as a line has it, CORS headers in full."""
        sent = {name: reply.headers[name] for name in _OTHER_HEADERS if name in reply.headers}
        if "x-request-id" in sent:
            sent["x-request-id"] = self._plain(sent["x-request-id"])
        told: dict[str, Any] = {
            "status": reply.status_code,
            "cors": {name: reply.headers[name] for name in CORS_HEADERS if name in reply.headers},
            "sent": sent,
        }
        if row["method"] != "HEAD":
            told["reply"] = self._body(reply)
        return told

    def expected(self, row: dict[str, Any]) -> dict[str, Any]:
        """What the real function answered, in the same form."""
        wanted: dict[str, Any] = {name: row[name] for name in ("status", "sent", "reply") if name in row}
        return {**wanted, "cors": cors(row["cors"], row.get("headers", {}).get("origin"))}

    def _body(self, reply: httpx.Response) -> Any:
        try:
            body = reply.json()
        except ValueError:
            return reply.text
        if isinstance(body, dict) and "settings" in body:
            body = {**body, "settings": "<settings>", "version": "<version>"}
        return json.loads(self._plain(json.dumps(body)))

    def _plain(self, text: str) -> str:
        for place, person in enumerate(self.people):
            text = text.replace(person, f"$person{place}").replace(person.upper(), f"$PERSON{place}")
        text = _UUID.sub("<id>", text)
        return _TIME.sub(lambda match: "<time Z>" if match.group(1) == "Z" else "<time +00:00>", text)

    def _filled(self, text: str) -> str:
        for place, person in enumerate(self.people):
            text = text.replace(f"$person{place}", person).replace(f"$PERSON{place}", person.upper())
        return text.replace("$anon", self.anon_key)

    def _content(self, row: dict[str, Any]) -> bytes | None:
        if "deep" in row:
            start, inner, end = ("[", "", "]") if row["deep"] == "array" else ('{"a":', "1", "}")
            return (start * DEPTH + inner + end * DEPTH).encode()
        if "hex" in row:
            return bytes.fromhex(row["hex"])
        return self._filled(row["body"]).encode() if "body" in row else None

    def _token(self, secret: str | None = None, **changes: Any) -> str:
        """Signed by hand, because no library signs all of these. A claim of None is left out."""
        now = int(time.time())
        claims: dict[str, Any] = {
            **{"iss": "test", "sub": self.people[0], "aud": "authenticated", "role": "authenticated"},
            **{
                "email": "x@y.test",
                "session_id": "11111111-1111-4111-8111-111111111111",
                "iat": now,
                "exp": now + 3600,
            },
            **changes,
        }
        kept = {name: value for name, value in claims.items() if value is not None}
        signed = f"{_encoded({'alg': 'HS256', 'typ': 'JWT'})}.{_encoded(kept)}"
        digest = hmac.new((secret or self.secret).encode(), signed.encode(), hashlib.sha256).digest()
        return f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def _encoded(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
