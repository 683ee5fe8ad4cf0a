"""FHIR R4 (4.0.1): structures, codes and definitions, generated from the published specification."""
