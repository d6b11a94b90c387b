"""What goes wrong: faults, the proxy and the timeline. Stands on nothing else of ours."""
