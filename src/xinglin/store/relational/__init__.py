"""The record in tables: everything that SQLite and PostgreSQL have in common."""
