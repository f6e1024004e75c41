"""PostgreSQL: migrations, the commit, the log."""
