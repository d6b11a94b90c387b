"""What the API refuses, in Toxiproxy's words where it has them."""

from __future__ import annotations

from http import HTTPStatus


class ProxyApiError(Exception):
    """An answer other than success."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def proxy_not_found() -> ProxyApiError:
    return ProxyApiError(HTTPStatus.NOT_FOUND, "proxy not found")


def toxic_not_found() -> ProxyApiError:
    return ProxyApiError(HTTPStatus.NOT_FOUND, "toxic not found")


def bad_body(detail: str) -> ProxyApiError:
    return ProxyApiError(HTTPStatus.BAD_REQUEST, f"bad request body: {detail}")


def bad_value(message: str) -> ProxyApiError:
    return ProxyApiError(HTTPStatus.BAD_REQUEST, message)
