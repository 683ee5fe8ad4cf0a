"""Subscriptions: telling others of what is new in the record."""
