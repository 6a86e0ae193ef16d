"""TLS 1.3 in memory: bytes of the wire in, bytes of the peer out, and back. The only file with `ssl`; no sockets.

Both sides present a certificate of one of the consortium's authorities. Host names are not compared: what a node is
called is its key, which is judged by the members' node records right after the handshake; a name that somebody's
DNS gave it proves nothing that the key does not.
"""

from __future__ import annotations

import ssl

from chain_node.core.errors import ConfigError, UnavailableError
from chain_node.network.api import TlsKeyHash
from chain_node.network.tls_identity import TlsFiles, tls_key_hash_of_certificate

_RECORD_SIZE_BYTES = 16 * 1024
"""Plain text of one TLS record, at most."""


_UNKNOWN_ISSUER_CODES = frozenset((18, 19, 20, 21))
"""Source: OpenSSL x509_vfy.h, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT and the three after it."""


class TlsBrokenError(UnavailableError):
    """The handshake failed or the stream is no TLS any more; an alert for the peer may wait to be sent."""

    def __init__(self, reason: str, *, is_their_refusal: bool) -> None:
        self.reason = reason
        self.is_their_refusal = is_their_refusal
        super().__init__(f"TLS ({reason})")


def make_tls_context(files: TlsFiles, *, is_server: bool) -> ssl.SSLContext:
    """A context from the files as they are now.

    Raises:
        ConfigError: OpenSSL cannot use them.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if is_server else ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.maximum_version = ssl.TLSVersion.TLSv1_3
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
    if is_server:
        # Without tickets every connection shows its certificate, and a removed authority counts at once.
        context.num_tickets = 0
    try:
        # The password keeps OpenSSL from asking for one on the terminal.
        context.load_cert_chain(certfile=files.certificate, keyfile=files.key, password=b"")
        context.load_verify_locations(cafile=files.ca)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(str(files.certificate), f"cannot be used with {files.key} and {files.ca}: {error}") from error
    return context


class TlsSession:
    """One connection's TLS. Whatever is done, `take_outgoing` then gives what has to go to the wire."""

    def __init__(self, context: ssl.SSLContext, *, is_server: bool) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=is_server, server_hostname=None)
        self.is_established = False
        """Whether the handshake is done on this side. A client's certificate is judged only after its own is."""
        self.has_ended = False
        """Whether the peer has said that nothing more comes."""

    def receive_data(self, data: bytes) -> bytes:
        """Take bytes of the wire; returns what the peer says in them, as far as it is complete.

        Raises:
            TlsBrokenError: nothing more can be read or said.
        """
        self._incoming.write(data)
        try:
            if not self.is_established:
                self._tls.do_handshake()
                self.is_established = True
            return self._read_all()
        except ssl.SSLWantReadError:
            return b""
        except ssl.SSLError as error:
            raise _explain(error) from error

    def start(self) -> None:
        """Begin the handshake, as the one who dialled."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return

    def _read_all(self) -> bytes:
        parts: list[bytes] = []
        try:
            while self._incoming.pending or self._tls.pending():
                part = self._tls.read(_RECORD_SIZE_BYTES)
                if not part:
                    self.has_ended = True
                    break
                parts.append(part)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.has_ended = True
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def send(self, data: bytes) -> None:
        """Say something; only when established.

        Raises:
            TlsBrokenError: it cannot be said any more.
        """
        try:
            self._tls.write(data)
        except ssl.SSLError as error:
            raise _explain(error) from error

    def end(self) -> None:
        """Say that nothing more comes (close_notify)."""
        try:
            self._tls.unwrap()
        except ssl.SSLError:
            return  # the peer's own end has not come yet, or there was no session; what can be said waits to go out

    def take_outgoing(self) -> bytes:
        """Bytes for the wire."""
        return self._outgoing.read() if self._outgoing.pending else b""

    @property
    def peer_key_hash(self) -> TlsKeyHash:
        """The key the peer has proven to have; only when established."""
        encoded = self._tls.getpeercert(binary_form=True)
        if encoded is None:
            raise TlsBrokenError("the peer showed no certificate", is_their_refusal=False)
        return tls_key_hash_of_certificate(encoded)


def _explain(error: ssl.SSLError) -> TlsBrokenError:
    if isinstance(error, ssl.SSLCertVerificationError):
        hint = "; no authority in our file has issued it" if error.verify_code in _UNKNOWN_ISSUER_CODES else ""
        return TlsBrokenError(f"its certificate: {error.verify_message}{hint}", is_their_refusal=False)
    reason = (error.reason or str(error)).lower().replace("_", " ")
    if " alert " in reason:
        alert = reason.partition(" alert ")[2]
        return TlsBrokenError(f"it refuses us: {alert}", is_their_refusal=True)
    return TlsBrokenError(reason, is_their_refusal=False)
