"""Two deployments under the same load at the same time."""
