"""What people do: one persona a file, the profiles, and the SLOs."""
