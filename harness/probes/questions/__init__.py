"""One question a file: `ID`, and `ask(field)`, which never raises for what the deployment does wrong."""
