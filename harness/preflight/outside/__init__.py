"""What a deployment lets be done to it from outside: with the public key, and with two synthetic people's tokens.

Each question lists its requests before it sends one; what is not on the list cannot be sent (`sender.Sender`).
"""
