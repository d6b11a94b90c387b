"""Two deployments that were loaded at the same time: is the second one slower? (pure)"""
