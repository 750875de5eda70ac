"""Stores and processes killed, frozen and brought back while the product is used."""
