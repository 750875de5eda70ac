"""Tests of the client SDK in `client/`: alone with time moved by hand, and against the real server."""
