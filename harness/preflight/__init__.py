"""What is wrong with a deployment before anything is sent to it: questions to its catalogue, a file each
under `lints`.

Imports core, config and egress alone. Read-only.
"""
