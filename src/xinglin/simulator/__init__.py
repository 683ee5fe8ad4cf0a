"""A synthetic population whose people meet the record only through the public API."""
