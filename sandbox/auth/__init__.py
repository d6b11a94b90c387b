"""The sandbox's `/auth/v1`: the part of GoTrue that the client and a load test use.

Password and refresh-token grants, the own user, logout, sign-up, and the admin API. Error bodies follow the API version
the caller names, as GoTrue's do.
"""

from sandbox.auth.api import routes

__all__ = ["routes"]
