"""Taking files into a record: what is in them, in what order, and how far it went."""
