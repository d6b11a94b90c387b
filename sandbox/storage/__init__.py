"""Attachments: upload, sign, download, remove, as far as the client uses them (contract 5.1, 5.5)."""

from sandbox.storage.api import routes

__all__ = ["routes"]
