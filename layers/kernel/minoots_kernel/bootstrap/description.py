"""The API's description, for whoever shows it."""

from __future__ import annotations

from minoots_kernel.interfaces.rest.describe import openapi_json

__all__ = ["openapi_json"]
