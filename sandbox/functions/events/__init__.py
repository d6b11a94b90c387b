"""`media-swipe-event`: reading, keying and storing swipe events, and what follows from them (contract 3).

Imports what all functions share (the modules beside this folder) and the services; no other function.
"""
