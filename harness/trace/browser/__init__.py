"""Records the real web app: served from a folder, driven in a headless Chromium by a script, tapped at the wire."""
