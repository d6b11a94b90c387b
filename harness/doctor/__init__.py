"""Is a target ready for a profile? Everything that a rehearsal needs, asked one by one before it: what is wrong, and
the command that mends it.

`facts` is what was found, `ask` finds it, `checks` judge it (pure, one a file), `examine` does it all.
"""
