"""Landing page, home, feed, swipe page, title, search, library, and the assistant's suggestions on them.

Imports: whatever a screen may, but nothing of `chat`.
"""
