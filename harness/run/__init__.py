"""One run from request to closed record: the supervisor, Locust as its child, the way to the target, the proxy.

May import everything of harness but cli and prove, and chaos. What goes on inside a load process belongs to load.
"""
