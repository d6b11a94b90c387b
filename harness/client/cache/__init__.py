"""What is remembered: the page's reads by react-query's rules, and the browser's localStorage.

Imports: api (readings), background_tasks, clock, network_state. `queries.py` alone has an event loop.
"""
