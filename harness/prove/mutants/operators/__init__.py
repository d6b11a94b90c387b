"""How a mutant spoils what passes: one idea a file. `harness.prove.mutants.catalogue` has the list."""
