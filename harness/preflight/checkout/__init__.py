"""What a checkout of the app shows: how its functions are configured and written, what its bundle carries."""
