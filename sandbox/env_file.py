"""The secrets of a sandbox that several processes share, as lines of an environment file."""

from __future__ import annotations

from sandbox.options import PASSWORD_VARIABLE, SECRET_VARIABLE, SandboxOptions
from sandbox.tokens import Keys

ANON_VARIABLE = "SANDBOX_ANON_KEY"
SERVICE_VARIABLE = "SANDBOX_SERVICE_KEY"


def environment(options: SandboxOptions) -> dict[str, str]:
    """Secret and password from the environment where set, else fresh; and the keys that follow from the secret.

    :raises OptionError: when the environment's secret is too short.
    """
    keys = Keys(options.resolved_secret())
    return {
        SECRET_VARIABLE: keys.secret,
        PASSWORD_VARIABLE: options.resolved_password(),
        ANON_VARIABLE: keys.anon,
        SERVICE_VARIABLE: keys.service,
    }
