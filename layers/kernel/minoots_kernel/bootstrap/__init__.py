"""Builds each function once, from its settings."""
