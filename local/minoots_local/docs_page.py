"""The API's description for people, at `/docs` of the local stack: Swagger UI, from files that Powertools carries."""

from functools import cache
from importlib.resources import files
from typing import Any

from minoots_kernel.bootstrap.description import openapi_json
from minoots_local.players.http import Receive, Reply, Scope, Send

PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>MINOOTS API</title><link rel="stylesheet" href="docs/ui.css"></head>
<body><div id="ui"></div><script src="docs/ui.js"></script><script src="docs/start.js"></script></body>
</html>
"""
START = 'SwaggerUIBundle({url: "openapi.json", dom_id: "#ui", deepLinking: true, persistAuthorization: true});\n'
# The page loads nothing from elsewhere and runs nothing but these files; its library sets styles in place.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_ASSETS = {
    "/docs/ui.css": ("swagger-ui.min.css", "text/css"),
    "/docs/ui.js": ("swagger-ui-bundle.min.js", "text/javascript"),
}


class DocsPage:
    """An ASGI application that answers for the description and leaves every other path to the API.

    Args:
        api: The API.
    """

    def __init__(self, api: Any) -> None:
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        content = page_at(scope["path"]) if scope["method"] in {"GET", "HEAD"} else None
        if content is None:
            await self._api(scope, receive, send)
            return
        text, media_type = content
        headers = {
            "content-type": f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type,
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
            **({"content-security-policy": POLICY} if media_type == "text/html" else {}),
        }
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await Reply(200, raw, b"" if scope["method"] == "HEAD" else text).send(send)


@cache
def page_at(path: str) -> tuple[bytes, str] | None:
    """What lies at a path and of which media type; None for a path of the API."""
    if path == "/docs":
        return PAGE.encode(), "text/html"
    if path == "/docs/start.js":
        return START.encode(), "text/javascript"
    if path == "/openapi.json":
        return openapi_json().encode(), "application/json"
    if path in _ASSETS:
        name, media_type = _ASSETS[path]
        folder = files("aws_lambda_powertools.event_handler.openapi.swagger_ui")
        return (folder / name).read_bytes(), media_type
    return None
