"""Files that hold several runs: databases, archives, tables of runs."""
