"""Supabase Realtime for the sandbox: channels over WebSocket, broadcasts over HTTP, changes of the real database.

hub        the server's parts together       socket   one WebSocket         join, channel, topic   Phoenix channels
feed       changes to subscribers            wal      the database's stream catalogue              types, rights, RLS
broadcast  the HTTP side                     admin    metrics, faults, commands
ports      what these see of each other: none but admin and broadcast imports the hub
Without I/O: binary, frames, encoded (messages), bindings, filters, subscriptions, pgoutput, values, payloads, table,
presence, limits, cost, access, faults, settings. Specification: the realtime contract.
"""

from sandbox.realtime.faults import Faults
from sandbox.realtime.hub import Hub
from sandbox.realtime.settings import RealtimeSettings, SettingError

__all__ = ["Faults", "Hub", "RealtimeSettings", "SettingError"]
