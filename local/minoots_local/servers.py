"""uvicorn on a thread, on a socket that was bound before anything else started."""

import socket
import threading
from typing import Any

import uvicorn

from minoots_local.errors import LocalStackError

_BACKLOG = 2048


def bind(host: str, port: int) -> socket.socket:
    """A listening TCP socket; port 0 takes a free one.

    Raises:
        LocalStackError: The address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise LocalStackError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return listening


def url_of(listening: socket.socket) -> str:
    """Where what listens on a socket is reached from this machine."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class HttpServer:
    """Serves one ASGI application on one socket, from a thread of its own."""

    def __init__(self, application: Any, listening: socket.socket, name: str) -> None:
        self._socket = listening
        config = uvicorn.Config(
            application,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            timeout_graceful_shutdown=1,
            # Longer than HTTP clients keep a connection that rests (5 s, the default here, is httpx's very time):
            # whoever sends just as it is closed here gets no answer, and does not know whether it was heard.
            timeout_keep_alive=75,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listening]}, name=name, daemon=True
        )

    @property
    def url(self) -> str:
        """Where it answers."""
        return url_of(self._socket)

    def start(self) -> None:
        """Begin to serve; connections made earlier waited in the backlog."""
        self._thread.start()

    def stop(self) -> None:
        """Accept no more and let answers under way be sent."""
        self._server.should_exit = True

    def join(self, timeout_s: float) -> None:
        """Wait for the server to end, and free its port."""
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        self._socket.close()
