"""FHIR operations, `$name`: each module declares what it answers in `OPERATIONS`."""
