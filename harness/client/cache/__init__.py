"""What is remembered: the page's reads by react-query's rules, and the browser's localStorage.

Without a network reads and mutations wait: `paused.py` has the rules, `network_mode.py` the waiting.

Imports: api (readings), background_tasks, clock, interruptible_sleep, network_state. `queries.py` and `network_mode.py`
alone have an event loop.
"""
