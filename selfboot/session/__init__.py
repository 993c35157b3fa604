"""The suite's pytest side: what conftest.py's hooks and fixtures call."""
