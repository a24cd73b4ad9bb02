"""A small image, as the registry keeps it on disk.

Rule: what is written is what a push would have left: blobs, the links to them, an index of one manifest for
each architecture. Sections: OCI image-spec, image-index and manifest; distribution registry/storage/paths.go.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path

_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


class Storage:
    """The registry's directory."""

    def __init__(self, root: Path) -> None:
        self._top = root / "docker" / "registry" / "v2"

    def put(self, repository: str, tag: str = "latest") -> None:
        """Let there be an image of this name."""
        home = self._top / "repositories" / repository
        layer = _layer()
        manifests = []
        for architecture in ("amd64", "arm64"):
            config = {
                "architecture": architecture,
                "os": "linux",
                "config": {"Cmd": ["/hello"]},
                "rootfs": {"type": "layers", "diff_ids": [_digest(gzip.decompress(layer))]},
            }
            parts = [(_CONFIG, json.dumps(config).encode()), (_LAYER, layer)]
            described = [self._blob(home / "_layers", kind, content) for kind, content in parts]
            manifest = {
                "schemaVersion": 2,
                "mediaType": _MANIFEST,
                "config": described[0],
                "layers": described[1:],
            }
            entry = self._blob(home / "_manifests" / "revisions", _MANIFEST, json.dumps(manifest).encode())
            manifests.append(entry | {"platform": {"architecture": architecture, "os": "linux"}})
        index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": manifests}
        top = self._blob(home / "_manifests" / "revisions", _INDEX, json.dumps(index).encode())
        tags = home / "_manifests" / "tags" / tag
        _write(tags / "current" / "link", str(top["digest"]).encode())
        self._link(tags / "index", str(top["digest"]))

    def _blob(self, links: Path, kind: str, content: bytes) -> dict[str, object]:
        digest = _digest(content)
        value = digest.removeprefix("sha256:")
        _write(self._top / "blobs" / "sha256" / value[:2] / value / "data", content)
        self._link(links, digest)
        return {"mediaType": kind, "digest": digest, "size": len(content)}

    @staticmethod
    def _link(links: Path, digest: str) -> None:
        _write(links / "sha256" / digest.removeprefix("sha256:") / "link", digest.encode())


def _layer() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        content = b"Hello from the laboratory!\n" * 300
        entry = tarfile.TarInfo("hello")
        entry.size, entry.mode = len(content), 0o755
        archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), 0, mtime=0)  # not compressed: larger than a packet


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
