"""Reads the official FHIR R4 definitions and writes what `xinglin.fhir.r4` needs of them."""
