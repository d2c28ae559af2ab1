"""Webhooks over httpx, to addresses that were checked."""
