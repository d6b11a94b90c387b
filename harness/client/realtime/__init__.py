"""Supabase Realtime as the shipped client speaks it: sockets, channels, their timers and their defects.

`session` is what a page has of it, with `conversation_channel` and `presence_channel`; `host` what it sees of its
device; `shared` what all devices of a worker have in common. `client` is the library's own surface, `socket` one
WebSocket on the loop, `ticker` all timers of a worker on one. The protocol itself, pure: `phoenix`.

Imports: api (shapes), clock, context, http (origin, TLS), network_state, notes.
"""
