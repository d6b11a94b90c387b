"""A run inside a CI system: where it runs, what may be written there and how much of it, and the comment it leaves.

`environment` finds out, `limits` cuts to size, `annotations` writes GitHub's commands, `comments` posts (through the
gate) what begins with a `marker`, `workflows` has the files of `harness ci init`.
"""
