"""Supabase Realtime as the shipped client speaks it: sockets, channels, their timers and their defects.

`client.RealtimeClient` is the door. Below it: `socket` (one WebSocket on the loop), `line` (one client's connection
state), `channel` (one topic), `codec` (frames), `generation` (which client is imitated), `refusal` (what errors mean),
`wheel` and `ticker` (all timers of a worker on one), `tally` (frames counted), `needs` (descriptors and ports).
"""
