"""`media-swipe-deck`: choosing, ordering and remembering a deck of cards (contract 2).

Imports what all functions share (the modules beside this folder) and the services; no other function.
"""
