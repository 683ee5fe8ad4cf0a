"""Xinglin 杏林: one record of a person's health and everything care does with it."""
