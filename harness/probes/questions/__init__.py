"""One question a file: `ID`, and `ask(context)`, which never raises for what the deployment does wrong."""
