"""Benchmarks: what the service does in a second, how late it fires, what a timer costs. None of it is a test."""
