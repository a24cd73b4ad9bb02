"""HTTPS servers of the laboratory beside the registry: token service, blob host, and those that interfere.

Rule: a front is a certificate, an address and a handler; it listens in the world's namespace. The token
service signs what the registry verifies (distribution, docs/spec/auth/jwt.md). A relay passes requests on to
the registry, so that what it does not change is real.
"""

from __future__ import annotations

import base64
import http.client
import http.server
import json
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from glasstunnel.host.namespace import Namespace
from tests.diagnose.lab_certificates import Pair

PRIVATE = "secret/"  # repositories whose name begins so are given to nobody
LIFE = 300  # seconds of a token


Handler = type[http.server.BaseHTTPRequestHandler]


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "lab"
    ahead = timedelta(0)  # of this server's clock

    def date_time_string(self, timestamp: float | None = None) -> str:
        return format_datetime(datetime.now(UTC) + self.ahead, usegmt=True)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        pass

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def answer_json(self, status: int, value: object, headers: dict[str, str] | None = None) -> None:
        self.answer(
            status, json.dumps(value).encode(), {"Content-Type": "application/json"} | (headers or {})
        )


class _Closing(ssl.SSLSocket):
    """Closed even if the connection was reset while it was made, which :mod:`ssl` leaves open."""

    def __del__(self) -> None:
        self.close()


class Front(http.server.ThreadingHTTPServer):
    """A handler behind TLS (or without, if there is no certificate), at an address of the world."""

    daemon_threads = True

    def __init__(
        self, world: Namespace, address: str, handler: Handler, pair: Pair | None, port: int = 443
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with world:
            super().__init__((address, port), handler)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if pair else None
        if pair and self._context:
            self._context.load_cert_chain(pair.chain, pair.key)
            self._context.sslsocket_class = _Closing
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def server_bind(self) -> None:
        """Without asking a resolver for our name, as HTTPServer does."""
        socketserver.TCPServer.server_bind(self)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In the thread of this connection: first the handshake."""
        if self._context:
            with self._context.wrap_socket(request, server_side=True) as wrapped:
                super().finish_request(wrapped, client_address)
        else:
            super().finish_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients of the laboratory break off often, that is what it is for."""

    def close(self) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join()


def _segment(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuer:
    """Signs tokens with the key of a certificate that the registry trusts."""

    def __init__(self, pair: Pair, service: str) -> None:
        self.service = service
        key = serialization.load_pem_private_key(pair.key.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self._key = key
        self._chain = [
            base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()
            for certificate in x509.load_pem_x509_certificates(pair.chain.read_bytes())
        ]

    def token(self, scopes: list[str]) -> str:
        """A token for what of these scopes an anonymous client may do: pull what is not private."""
        access = []
        for scope in scopes:
            kind, _, rest = scope.partition(":")
            name, _, _ = rest.rpartition(":")
            if not name.startswith(PRIVATE):
                access.append({"type": kind, "name": name, "actions": ["pull"]})
        now = int(time.time())
        header = {"typ": "JWT", "alg": "ES256", "x5c": self._chain}
        claims = {
            "iss": "lab",
            "sub": "",
            "aud": self.service,
            "nbf": now - 10,
            "exp": now + LIFE,
            "jti": str(time.monotonic_ns()),
            "access": access,
        }
        signed = ".".join(_segment(json.dumps(part).encode()) for part in (header, claims))
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_segment(r.to_bytes(32) + s.to_bytes(32))}"


def token_service(issuer: Issuer) -> Handler:
    """The realm: GET /token?service=…&scope=…"""

    class Token(_Handler):
        def do_GET(self) -> None:
            asked = parse_qs(urlsplit(self.path).query)
            token = issuer.token(asked.get("scope", []))
            self.answer_json(200, {"token": token, "access_token": token, "expires_in": LIFE})

    return Token


def storage(root: Path) -> Handler:
    """The blob host: the files below ``root``, whole or the range that is asked for."""

    class Storage(_Handler):
        def do_GET(self) -> None:
            path = root / self.path.split("?")[0].lstrip("/")
            if not path.is_file():
                self.answer(404, b"no such key\n")
                return
            body, wanted = path.read_bytes(), self.headers.get("Range", "")
            if wanted.startswith("bytes="):
                first, _, last = wanted.removeprefix("bytes=").partition("-")
                part = body[int(first) : int(last) + 1 if last else None]
                place = f"bytes {first}-{int(first) + len(part) - 1}/{len(body)}"
                self.answer(206, part, {"Content-Range": place})
            else:
                self.answer(200, body, {"Content-Type": "application/octet-stream"})

        def do_HEAD(self) -> None:
            self.do_GET()

    return Storage


def failing(status: int, text: str) -> Handler:
    """A server that is up and cannot do its work."""

    class Failing(_Handler):
        def do_GET(self) -> None:
            self.answer(status, text.encode(), {"Content-Type": "text/html"})

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_CONNECT(self) -> None:
            self.do_GET()

    return Failing


Change = Callable[[str, str], tuple[int, dict[str, str], object] | None]
"""Of a method and a path: status, headers and body that the relay gives itself, or None to pass on."""


def relay(
    world: Namespace,
    upstream: tuple[str, int],
    trust: str,
    change: Change = lambda method, path: None,
    ahead: timedelta = timedelta(0),
) -> Handler:
    """Requests are passed on to ``upstream``, a name and port over TLS that the world resolves for us.

    ``ahead`` is how far the clock of this server is ahead, which its answers tell in Date.
    """
    context = ssl.create_default_context(cadata=trust)
    context.check_hostname = False

    class Relay(_Handler):
        def do_GET(self) -> None:
            own = change(self.command, self.path)
            if own:
                status, headers, value = own
                self.answer_json(status, value, headers)
                return
            with world:
                connection = http.client.HTTPSConnection(*upstream, context=context, timeout=5)
                connection.connect()
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():  # some more than once
                connection.putheader(name, value)
            connection.endheaders()
            with connection.getresponse() as answer:
                body = answer.read()
            kept = {
                name: value
                for name, value in answer.getheaders()
                if name not in ("Date", "Content-Length", "Transfer-Encoding", "Connection")
            }
            if self.command == "HEAD" and (length := answer.getheader("Content-Length")):
                kept["Content-Length"] = length
            connection.close()
            self.answer(answer.status, body, kept)

        def do_HEAD(self) -> None:
            self.do_GET()

    Relay.ahead = ahead
    return Relay
