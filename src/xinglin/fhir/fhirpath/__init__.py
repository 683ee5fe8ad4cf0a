"""FHIRPath (N1 normative) with the R4 functions: parse, then compile to Python closures."""
