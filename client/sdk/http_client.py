"""Connections to vaults and registrars."""

import ssl
from functools import cache

import httpx


def open_http(url: str, *, timeout_s: float) -> httpx.Client:
    """Return a client of the server at a URL; nothing is sent yet."""
    # Reading the authorities takes 30 ms, and a command talks to several vaults: once, and only where there is TLS.
    trusted = _authorities() if url.startswith("https://") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.Client(base_url=url.rstrip("/"), timeout=timeout_s, verify=trusted)


@cache
def _authorities() -> ssl.SSLContext:
    return httpx.create_ssl_context()
