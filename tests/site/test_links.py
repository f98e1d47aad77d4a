"""Links between the Markdown files resolve in the repository, too, not in the built site alone."""

from __future__ import annotations

import pytest

from tests.conftest import ROOT
from tests.site.blocks import pages
from tests.site.links import broken


@pytest.mark.parametrize(
    "page", [*pages(), ROOT / "CHANGELOG.md"], ids=lambda page: page.relative_to(ROOT).as_posix()
)
def test_every_link_of_a_page_leads_somewhere(page):
    assert list(broken(page)) == []


@pytest.mark.parametrize(
    "link", ["nowhere.md", "there.md#nowhere", "#nowhere", "there.md#not-a-heading", "https://web"]
)
def test_a_planted_broken_link_is_found(tmp_path, link):
    (tmp_path / "there.md").write_text("# Here it is\n\n```sh\n# not a heading\n```\n")
    page = tmp_path / "page.md"
    page.write_text(f"# Page\n\n[x]({link}) [y](there.md#here-it-is) [z](#page) `[a](b)`\n")

    assert [link in fault for fault in broken(page)] == [True]
