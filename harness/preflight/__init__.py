"""What is wrong with a deployment before anything is sent to it.

Questions to its catalogue, read-only, a file each under `lints`; from outside, with the public key and two people's
tokens, under `outside/questions`; to a checkout of the app, under `checkout/lints`.
"""
