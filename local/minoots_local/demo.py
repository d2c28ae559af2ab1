"""The demo timer that `MINOOTS_BOOT_DEMO` asks for."""

import httpx

from minoots_local.logs import logger


def create_demo_timer(url: str, api_key: str) -> None:
    """Create a short timer by the API; a failure is logged, the stack goes on."""
    log = logger("demo")
    body = {"requestedBy": "boot-demo", "name": "boot-demo", "duration": "30s"}
    try:
        answer = httpx.post(f"{url}/timers", json=body, headers={"X-API-Key": api_key}, timeout=10)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        log.warning("the demo timer was not created", extra={"error": error})
    else:
        log.info("created a demo timer", extra={"id": answer.json().get("id"), "fires_in": "30s"})
