"""A provider of language models, standing where the real one stands: on an address of its own, asked over HTTP.

`models` what there is and what it costs, `reply_text` what they say, `faults` what goes wrong, `server` the address,
`client` what the functions ask it with, `admin` breaking it while the sandbox runs. Imports nothing of the functions.
"""
