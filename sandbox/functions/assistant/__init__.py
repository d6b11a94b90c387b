"""The six `assistant-…` functions: conversation, replies, suggestions and the actions behind them (contract 6.6).

Imports what all functions share (the modules beside this folder) and the services; no other function.
"""
