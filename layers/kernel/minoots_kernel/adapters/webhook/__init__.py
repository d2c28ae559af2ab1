"""Webhooks over HTTP, to addresses that were checked (ADR 0010)."""
