"""What `xinglin bench` is made of: a load generator, workloads, limits, and their report.

The recipe follows the open harness of Health Samurai's fhir-server-performance-benchmark
(a mix of create, read, update and delete; import of transactions; search by kind of
parameter), so that any FHIR R4 server can be asked the same questions.
"""
