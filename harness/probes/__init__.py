"""What a deployment is like, asked before it is loaded: its schema, and whether it keeps its most basic promises."""
