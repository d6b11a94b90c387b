"""Replies are checked as they arrive: what belongs to somebody else, what was not asked for, what is missing. (pure)

One file a rule; `rules` lists them, `read_checks` asks them, `phone_memory` is what a phone remembers of its own
writes and of what it was shown. A rule that cannot be sure says nothing: what other people, other sessions, delays of
the contract and quirks as shipped explain is no violation. docs/integrity.md has the table.

Imports harness.core and itself.
"""
