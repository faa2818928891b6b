"""Uvicorn's httptools protocol, with upgrades that wait for the answers to what was asked before them.

Uvicorn (0.54, `httptools_impl.py`) hands the connection over to its WebSocket protocol as soon as the upgrade is read, and so puts the 101 in
front of answers that are still owed (RFC 9112 §9.3.2 has them in order). Its h11 protocol waits by itself.
"""

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class OrderedUpgradeProtocol(HttpToolsProtocol):
    """Upgrades when the last answer before is complete; nothing is read until then."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._upgrade_waits = False

    def handle_websocket_upgrade(self) -> None:
        self._upgrade_waits = self.cycle is not None and not self.cycle.response_complete
        if self._upgrade_waits:
            self.flow.pause_reading()
        else:
            super().handle_websocket_upgrade()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self._upgrade_waits or self.transport.is_closing():
            return
        self.handle_websocket_upgrade()
        if not self._upgrade_waits:
            # It was armed for the next request.
            self._unset_keepalive_if_required()
