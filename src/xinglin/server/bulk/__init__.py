"""Jobs that take longer than a request may: exports, imports, new search parameters."""
