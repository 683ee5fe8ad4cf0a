"""Search: parameters, extraction of index values, the query grammar and its tree."""
