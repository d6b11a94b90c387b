"""A Realtime server that only says yes, in a process of its own, to be killed: for crowds the sandbox is too heavy for.

python tests/client/light_realtime.py PORT     says "ready"
"""

from __future__ import annotations

import asyncio
import sys

import orjson
from websockets.asyncio.server import ServerConnection, serve


async def answer(connection: ServerConnection) -> None:
    """Every join, leave and heartbeat is answered with ok; version 1.0.0."""
    async for text in connection:
        said = orjson.loads(text)
        if said["event"] in ("phx_join", "phx_leave", "heartbeat"):
            changes = said["payload"].get("config", {}).get("postgres_changes", [])
            response = {"postgres_changes": [{**one, "id": n + 1} for n, one in enumerate(changes)]}
            reply = {"status": "ok", "response": response}
            envelope = {"topic": said["topic"], "event": "phx_reply", "payload": reply, "ref": said["ref"]}
            await connection.send(orjson.dumps(envelope).decode())


async def main(port: int) -> None:
    async with serve(answer, "127.0.0.1", port, compression=None, ping_interval=None, backlog=2048):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
