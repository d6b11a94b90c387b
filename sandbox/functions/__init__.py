"""The edge functions, one a file, and what they share.

deck, events, assistant, tmdb   functions of several files     routes   which function answers which path
envelope, cors, gate, intake    replies, callers, bodies       js, experiments   JavaScript's texts, A/B variants
What is shared imports the services alone, `routes` imports every function.
"""
