"""Does the harness catch what it claims to catch? Seeded defects against whole runs, and healthy runs beside them."""
