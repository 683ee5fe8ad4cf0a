"""The numbers that DESIGN promises, measured: each with its reference in the same run."""
