"""Tests of the embedded stack that one command starts."""
