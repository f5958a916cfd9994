"""Opens sealed recordings by their written format alone; shares no code with the product."""

from __future__ import annotations

import base64
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def unseal(path: Path, keys: Path, name: str) -> bytes:
    """Return the plain sound, or raise.

    Args:
        path: of the sealed file.
        keys: the key file.
        name: `<call id>/<leg>/<format>`.
    """
    data = path.read_bytes()
    header, at, plain = data[:64], 64, b""
    assert header[:8] == b"12320REC"
    chunk, length = int.from_bytes(header[8:12], "big"), int.from_bytes(header[12:20], "big")
    secrets = dict(
        line.split() for line in keys.read_text("ascii").splitlines() if line[:1] not in ("", "#")
    )
    secret = base64.b64decode(secrets[header[20:32].rstrip(b"\0").decode("ascii")])
    info = b"12320 recording\0" + name.encode()
    cipher = AESGCM(HKDF(SHA256(), 32, salt=header[32:64], info=info).derive(secret))
    chunks = max(1, -(-length // chunk))
    for number in range(chunks):
        size = min(chunk, length - number * chunk) + 16
        nonce = bytes([number == chunks - 1]) + number.to_bytes(11, "big")
        plain += cipher.decrypt(nonce, data[at : at + size], header)
        at += size
    assert at == len(data)
    return plain
