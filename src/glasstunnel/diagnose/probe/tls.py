"""The third layer: does TLS stand, with which name, and whose certificate is it.

Rule: what ends a handshake is kept exactly: a RST, a FIN, silence, an alert and a certificate are five
different stories, and the number of bytes that came before tells whether the server had spoken. Section: RFC
8446; X509_verify_cert_error_string(3).
"""

import asyncio
import os
import socket
import ssl
import time
from pathlib import Path

from cryptography import x509

from glasstunnel.diagnose.evidence import Certificate, Handshake, Outcome
from glasstunnel.diagnose.options import DiagnosisError
from glasstunnel.diagnose.probe import outcomes, tcp

_BUNDLES = (  # where Go looks, crypto/x509/root_linux.go
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def trusting(ca_file: str = "") -> ssl.SSLContext:
    """What the daemon trusts: ``ca_file``, else SSL_CERT_FILE, else the system's bundle.

    Raises:
        DiagnosisError: if a file that was named cannot be read or holds no certificates.
    """
    chosen = ca_file or os.environ.get("SSL_CERT_FILE", "")
    bundle = chosen or next((path for path in _BUNDLES if Path(path).exists()), None)
    try:
        return ssl.create_default_context(cafile=bundle)
    except OSError as error:  # also ssl.SSLError
        why = os.strerror(error.errno) if error.errno and not isinstance(error, ssl.SSLError) else "not PEM"
        raise DiagnosisError(f"{bundle}: expected certificates to trust, in PEM: {why}") from error


def unverified() -> ssl.SSLContext:
    """Takes any certificate: to see one that does not verify, never to fetch anything by it."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def shake(
    address: str, port: int, name: str, deadline: float, context: ssl.SSLContext, segment: int = 0
) -> Handshake:
    """Try one address with one name in the ClientHello; ``segment`` bytes at most in a packet to us."""
    began = time.monotonic()
    outcome, detail, code = Outcome.OK, "", 0
    session: _Session | None = None
    try:
        async with asyncio.timeout(deadline):
            with await tcp.connected(address, port, segment) as sock:
                session = _Session(sock, context, name)
                await session.shake()
    except EOFError:
        outcome = Outcome.CLOSED
    except ssl.SSLCertVerificationError as error:
        outcome, detail, code = Outcome.UNTRUSTED, error.verify_message, error.verify_code
    except OSError as error:
        outcome, detail = outcomes.of(error)
    return Handshake(
        address,
        name,
        outcome,
        round(1000 * (time.monotonic() - began), 1),
        detail,
        session.received if session else 0,
        code,
        session.certificate() if session else None,
        segment,
    )


class _Session:
    """A handshake that is driven by hand, so that nothing hides how it ended."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, name: str) -> None:
        self._sock = sock
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        self.received = 0

    async def shake(self) -> None:
        """Raises :exc:`EOFError` when the other side closes, and what ssl and sockets raise."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await loop.sock_sendall(self._sock, self._outgoing.read())
            else:
                await loop.sock_sendall(self._sock, self._outgoing.read())
                return
            data = await loop.sock_recv(self._sock, 65536)
            if not data:
                raise EOFError
            self.received += len(data)
            self._incoming.write(data)

    def certificate(self) -> Certificate | None:
        """The server's own, if it came and was accepted."""
        try:
            encoded = self._tls.getpeercert(binary_form=True)
        except ValueError:  # the handshake did not end
            return None
        return read_certificate(encoded) if encoded else None


def read_certificate(encoded: bytes) -> Certificate | None:
    """A certificate in DER as a report needs it; None for one that cannot be read."""
    try:
        certificate = x509.load_der_x509_certificate(encoded)
        names: list[str] = []
        for extension in certificate.extensions:
            if isinstance(extension.value, x509.SubjectAlternativeName):
                names += [str(name.value) for name in extension.value]
        return Certificate(
            certificate.subject.rfc4514_string(),
            certificate.issuer.rfc4514_string(),
            tuple(names),
            certificate.not_valid_before_utc.isoformat(),
            certificate.not_valid_after_utc.isoformat(),
        )
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return None
