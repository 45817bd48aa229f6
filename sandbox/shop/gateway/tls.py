"""The certificate that the front door shows, read anew with its configuration."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

from ..kit.config import Config

log = logging.getLogger("shop")
SERVER, SERVER_KEY = "server.pem", "server.key"


class Certificate:
    """tls.folder: where it lies, with its key. Connections that stand keep what they were shown."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    @property
    def wanted(self) -> bool:
        return bool(self.config.get("tls.folder"))

    def apply(self) -> None:
        """Take over what is there; one that cannot be read changes nothing."""
        if not self.wanted:
            return
        folder = Path(str(self.config.get("tls.folder")))
        try:
            self.context.load_cert_chain(folder / SERVER, folder / SERVER_KEY)
        except (OSError, ssl.SSLError) as error:
            log.error("certificate not taken over: %s", error)
