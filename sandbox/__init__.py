"""A MoviNesta to run against: real Postgres, REST subset, auth, edge functions, Realtime. Stands on nothing of ours.

server                     starts and stops the whole; the command line
app, gateway               the ASGI application, and what stands before all of it; interference: what breaks replies
rest, auth, functions, storage, realtime   what is served
services                   what these share: pools, tokens, limits, settings, switches
postgres, schema, seed     the database; database_defects: what is broken in it on purpose
switches, options          what can be set
process                    signals, a parent's death, child processes
"""
