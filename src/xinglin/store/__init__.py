"""The record: read, search, history, commit, feed. The only SQL of the house."""
