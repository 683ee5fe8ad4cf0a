"""The record as commands reach it: in a folder of this machine, or through a FHIR server."""
