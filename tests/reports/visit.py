"""A visit to a page in a real browser, for the tests marked `browser`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

EVIL = "<img src=x onerror=alert(1)>"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
DRAWN = "html[data-drawn-ms]"
PATIENCE_MS = 180_000
"""For machines that are busy with other work; a page takes 2 s on an idle one."""
SCHEMES = ("light", pytest.param("dark", marks=pytest.mark.slow))


class Visit:
    """A page that is open, with every message it wrote and every address it asked for."""

    def __init__(self, browser: Any, path: Path, scheme: str = "light", width: int = 1360) -> None:
        self.messages: list[str] = []
        self.requests: list[str] = []
        self.dialogs: list[str] = []
        self._context = browser.new_context(
            color_scheme=scheme, viewport={"width": width, "height": 900}
        )
        self.page = self._context.new_page()
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("dialog", self._dismiss)
        self.page.goto(path.as_uri())
        self.page.wait_for_selector(DRAWN, state="attached", timeout=PATIENCE_MS)

    def _dismiss(self, dialog: Any) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def close(self) -> None:
        self._context.close()


def axe_violations(page: Any) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    # Without fetching style sheets, which a page from disk may not.
    options = {"runOnly": RULES, "preload": False}
    violations = Axe().run(page, options=options).response["violations"]
    return [f"{entry['id']}: {entry['nodes'][0]['html']}" for entry in violations]
