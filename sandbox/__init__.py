"""A MoviNesta to run against: real Postgres, REST subset, auth, edge functions. Stands on nothing else of ours."""
