"""What a built page holds and points at."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {("script", "src"), ("img", "src"), ("link", "href"), ("source", "src"), ("iframe", "src")}
"""Where a page names what a browser fetches to show it."""
SAID_BY_THE_THEME = {"icon", "stylesheet", "preload"}


class Page(HTMLParser):
    """A page's anchors, links, pictures and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.pictures: list[tuple[str, str | None]] = []
        """Address and what describes it."""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        if identifier := values.get("id"):
            self.anchors.add(identifier)
        if tag == "a" and (href := values.get("href")) is not None:
            self.links.append(href)
        if tag == "img":
            self.pictures.append((values.get("src") or "", values.get("alt")))
        if tag == "link" and not SAID_BY_THE_THEME & set((values.get("rel") or "").split()):
            return
        self.loads += [str(values[name]) for of, name in LOADED if of == tag and values.get(name)]


def pages_of(site: Path) -> dict[Path, Page]:
    """Return all pages of a built site, by file."""
    return {
        path.resolve(): Page(path.read_text(encoding="utf-8"))
        for path in sorted(site.rglob("*.html"))
    }


def broken_links(pages: dict[Path, Page]) -> Iterator[str]:
    """Yield every link, picture and file that leads nowhere; of the web only malformed ones."""
    for path, page in pages.items():
        for link in [*page.links, *page.loads]:
            parts = urlsplit(link)
            if parts.scheme in ("http", "https"):
                if "." not in parts.netloc or " " in link:
                    yield f"{path.name}: {link} is no address"
                continue
            if parts.scheme in ("data", "mailto"):
                continue
            if parts.scheme:
                yield f"{path.name}: {link} has a scheme that no reader follows"
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file():
                yield f"{path.name}: {link} leads to no file"
            elif parts.fragment and target in pages:
                anchors = pages[target].anchors
                if unquote(parts.fragment) not in anchors:
                    yield f"{path.name}: {link} leads to no place of {target.name}"


def loaded_from_elsewhere(pages: dict[Path, Page]) -> Iterator[str]:
    """Yield what a page would fetch from a network to be shown."""
    for path, page in pages.items():
        for address in page.loads:
            if urlsplit(address).netloc:
                yield f"{path.name}: {address}"


def undescribed(pages: dict[Path, Page]) -> Iterator[str]:
    """Yield pictures without words that say what one would see."""
    for path, page in pages.items():
        for address, words in page.pictures:
            if not words or len(words.split()) < 3 or Path(address).stem in words:
                yield f"{path.name}: {address}: alt text {words!r}"
