"""Benchmarks: what the product serves, as a ratio to a named yardstick of the same run (`./dev bench`)."""
