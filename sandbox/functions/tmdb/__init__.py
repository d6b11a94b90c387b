"""`tmdb-proxy`, `catalog-sync` and `catalog-sync-batch`, with the TMDb that they ask (contract 6.3, 6.4).

Imports what all functions share, the seeded catalogue's constants and the services; no other function.
"""
