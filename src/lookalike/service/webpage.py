"""The pictures that a web page shows: their addresses, read from its HTML."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin

from .. import intake


def image_addresses(page: bytes, address: str) -> list[str]:
    """Return the absolute addresses of the images on a page, each once, in order.

    Args:
        page: Its HTML; bytes that are no UTF-8 do not matter, as addresses are ASCII.
        address: Where it was found, which its relative addresses start from.
    """
    reader = _Reader(address)
    reader.feed(page.decode("utf-8", "replace"))
    reader.close()
    return list(dict.fromkeys(found for found in reader.found if intake.is_url(found)))


class _Reader(HTMLParser):
    def __init__(self, base: str) -> None:
        super().__init__()
        self._base = base
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of images, and of what relative addresses start from."""
        given = {name: (value or "").strip() for name, value in attrs}
        try:
            if tag == "base" and given.get("href"):
                self._base = urljoin(self._base, given["href"])
            elif tag == "img" and given.get("src"):
                self.found.append(urldefrag(urljoin(self._base, given["src"])).url)
        except ValueError:  # an address that is none
            pass
