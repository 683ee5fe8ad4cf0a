"""FHIR R4 (4.0.1): types, codes and definitions, generated from the published specification."""
