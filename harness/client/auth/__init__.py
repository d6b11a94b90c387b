"""Who is signed in: account, tokens and when they are renewed, the page's second token store, a newcomer's identity.

Imports: api, clock, context, network_state, interruptible_sleep.
"""
