"""The Phoenix protocol as state machines without I/O: one client's connection, channels, frames, timers. (pure)

`connection` (one client), `channel` (one topic), `codec` (frames), `generation` (which client is imitated), `refusal`
(what errors mean), `timer_wheel` (timers), `tally` and `stats` (what was counted).

Imports: harness.core and each other.
"""
