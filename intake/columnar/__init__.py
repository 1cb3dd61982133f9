"""Files of any size through DuckDB: accounts and usage as tables, and statements written from tables."""
