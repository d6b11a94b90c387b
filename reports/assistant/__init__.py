"""The assistant's models, judged: `facts` what the record holds of them, `judge` the rules of `[[assistant]]` over it.

`asked`, `money`, `breaker`, `apart` answer one kind of rule each; all of them are pure.
"""
