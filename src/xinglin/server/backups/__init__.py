"""Backups that the server makes by itself, at the times and as many as the settings say."""
