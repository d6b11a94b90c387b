"""The sandbox's `/rest/v1`: a PostgREST subset on Starlette and asyncpg, answering as PostgREST 13 does.

A request's way through: prefer (headers) -> query (query string -> syntax tree + values) -> compile (tree and catalogue
-> SQL) -> execute (one transaction under the caller's role and claims) -> render (status, headers, body).
Postgres itself checks privileges, row-level security, types and constraints, and writes the JSON.
"""

from sandbox.rest.routes import RestContext, routes

__all__ = ["RestContext", "routes"]
