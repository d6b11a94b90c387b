"""The conversation list, an open conversation and its parts, a chat with the assistant.

Imports: whatever a screen may, and of `browse` the suggestions. Personas take what they need from `parts`.
"""
