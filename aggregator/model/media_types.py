"""Media types of files by the suffix of their address. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

_TYPES = {
    "aac": "audio/aac", "flac": "audio/flac", "m4a": "audio/mp4", "m4b": "audio/mp4", "mp3": "audio/mpeg",
    "oga": "audio/ogg", "ogg": "audio/ogg", "opus": "audio/ogg", "wav": "audio/wav", "weba": "audio/webm",
    "m4v": "video/mp4", "mov": "video/quicktime", "mp4": "video/mp4", "ogv": "video/ogg", "webm": "video/webm",
    "epub": "application/epub+zip", "pdf": "application/pdf", "zip": "application/zip",
    "torrent": "application/x-bittorrent",
    "gif": "image/gif", "jpeg": "image/jpeg", "jpg": "image/jpeg", "png": "image/png", "webp": "image/webp",
    "csv": "text/csv", "txt": "text/plain",
}  # fmt: skip
"""Media types by the suffix of a path (IANA). A table of ours, as that of the system differs between machines."""

_ANY = "application/octet-stream"


def type_of(url: str) -> str:
    """Return the media type of the file at an absolute URL; `application/octet-stream` if its suffix says nothing."""
    return _TYPES.get(urlsplit(url).path.rpartition(".")[2].lower(), _ANY)
