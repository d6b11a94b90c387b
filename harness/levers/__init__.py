"""Levers measured: what a setting of phones, of the sandbox or of a target changes in what the service has to carry.

`table` names the levers, `turns` the order of the pieces, `runner` does them one after the other, `piece` reads what
one of them counted, `paired` compares (pure), `arithmetic` and `swiping` say what the contract would have it be,
`answer` puts everything together, `money` prices it by the plan, `text` prints it. How to read it: docs/levers.md.
"""
