"""The language: FHIR R4 types, JSON, FHIRPath and the search grammar. Pure."""
