"""MLflow's tracking databases: the same tables in SQLite, PostgreSQL and MySQL."""
