"""Reads the home feed, page by page."""

from __future__ import annotations

from harness.phone.operations.app import open_app
from harness.phone.operations.feed import home_feed
from harness.phone.phone import Phone
from harness.shell import PhoneUser


class Reader(PhoneUser):
    """Opens the app, reads a few pages of what friends watched, closes it."""

    weight = 3

    async def session(self, phone: Phone) -> None:
        if not await open_app(phone):
            return
        cursor = None
        for _ in range(round(phone.draws("reader", "pages"))):
            page = await home_feed(phone, cursor)
            if page is None:
                return
            await phone.pause(phone.draws("reader", "read_s"))
            cursor = page.next
            if cursor is None:
                return
