"""What a careful deployment has in front of its functions: the switch `hardened`, and beside it three defects."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from sandbox.functions import envelope, gate, intake
from sandbox.functions.envelope import FunctionRefusal
from sandbox.services import Services
from sandbox.tokens import TokenError

LARGEST_BODY = 256 * 1024
UNLIMITED = frozenset({"assistant-get-conversation", "catalog-sync-batch", "create-direct-conversation"})
"""As shipped these count nobody's calls."""
PER_MINUTE = 60
DEBUG = "debug-env"


async def admit(services: Services, request: Request, name: str) -> None:
    """:raises FunctionRefusal: the key, the token, the size or the number of calls is not as it has to be."""
    switches = services.switches
    if not switches.hardened or request.method == "OPTIONS":
        return
    gate.require_api_key(services, request, bearer_is_enough=False)
    token = gate.bearer_token(request)
    if token:
        try:
            if services.tokens.verify(token).expires_at == float("inf"):
                raise gate.invalid_session(request)
        except TokenError:
            raise gate.invalid_session(request) from None
    length = request.headers.get("content-length", "")
    if not switches.payload_cap_missing and length.isdigit() and int(length) > LARGEST_BODY:
        await request.body()  # read and thrown away, so that the caller hears the answer
        raise FunctionRefusal(envelope.error(request, "Payload too large", 413, "PAYLOAD_TOO_LARGE"))
    if name in UNLIMITED:
        await intake.require_quota(services, request, f"hardened:{name}", PER_MINUTE)


def debugging(request: Request) -> Response:
    """The defect `debug_function`: shows what it was called with."""
    return envelope.reply(request, {"ok": True, "headers": sorted(request.headers)})


def reflected(request: Request, response: Response) -> Response:
    """The defect `cors_reflects_origin`."""
    if origin := request.headers.get("origin"):
        response.headers["access-control-allow-origin"] = origin
        response.headers["access-control-allow-credentials"] = "true"
    return response
