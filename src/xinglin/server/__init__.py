"""Doors: the FHIR REST interface, settings, health, metrics and logs."""
