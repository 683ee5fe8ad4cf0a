"""The demo district: its residents settle in the record, and what the screen tells of it."""
