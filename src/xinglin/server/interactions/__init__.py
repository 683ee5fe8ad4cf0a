"""The interactions of the FHIR REST interface, one module each (FHIR R4, RESTful API)."""
