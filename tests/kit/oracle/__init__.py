"""A second, slow and simple FHIR search engine, to compare the real one with.

It knows nothing of `xinglin`: it reads the resources that a server gives back, looks at each
of them for every search, and follows the text of FHIR R4 (Search) in the plainest way.
"""
