"""The edge functions, one a file, and what they share."""
