"""Bulk Data: exports and imports that take longer than a request may."""
