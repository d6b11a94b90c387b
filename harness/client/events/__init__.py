"""Swipe events from gesture to server: which gestures count, the outbox (a pure state machine), its queue, the sender.

Imports: api, clock, context, network_state, notes, write. `event_sender.py` alone has an event loop.
"""
