"""The record in PostgreSQL (15 or later), for several server processes at once."""
