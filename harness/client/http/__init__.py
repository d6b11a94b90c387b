"""HTTP/1.1 over asyncio and httptools: connections, requests on the wire, replies, wire errors.

Knows bytes and time, no call of the app. Imports: harness.core alone.
"""
