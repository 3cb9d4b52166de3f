"""Tests of the manual as a reader sees it: on a phone and on a wide screen."""

from __future__ import annotations

import sys

from twisted.trial.unittest import SynchronousTestCase

from tests.browser.browser import Browser
from tests.support.programs import ROOT, Place

WIDE = 1400
PHONE = 390

#: The pages that are kept as pictures, for a person to look at.
PICTURED = (
    "index",
    "how-to/tokens",
    "reference/settings",
    "reference/http-api",
    "explanation/performance",
)

#: How far the page can be scrolled to the side, in CSS pixels.
_OVERFLOW = """
    const page = document.documentElement;
    return Math.max(page.scrollWidth, document.body.scrollWidth) - window.innerWidth;
    """


class ManualTests(SynchronousTestCase):
    """
    Tests of the pages that Sphinx makes. To build them takes longer than to look at
    them, so one test does everything.
    """

    def test_pages(self) -> None:
        """
        No page is wider than the screen of a phone, and none asks another server for
        anything. The content comes first, in light and dark colours. The search finds
        a setting by its name, and leads to its description.
        """
        place = Place(self)
        # It ends the test where there is none, before the manual is built.
        self.browser = Browser(self, place, PHONE)
        self.pages = place.path / "manual"
        command = [sys.executable, "-m", "sphinx", "-W", "-n", "-q", str(ROOT / "docs")]
        program = place.start([*command, str(self.pages)])
        self.assertEqual(program.end(), 0, program.output)
        self.fit()
        for width in (PHONE, WIDE):
            self.browser.resize(width)
            for scheme in ("light", "dark"):
                self.browser.prefer(scheme)
                self.beginWithContent(width, scheme)
        self.find()
        urls = self.browser.requested()
        self.assertEqual([url for url in urls if not url.startswith("file:")], [])

    def fit(self) -> None:
        """Check that each page is as wide as the screen."""
        tooWide = {}
        for path in sorted(self.pages.rglob("*.html")):
            self.browser.open(path.as_uri())
            overflow = self.browser.script(_OVERFLOW)
            if overflow > 0:
                tooWide[str(path.relative_to(self.pages))] = overflow
        self.assertEqual(tooWide, {})

    def beginWithContent(self, width: int, scheme: str) -> None:
        """Check that the title is at the top, and keep pictures."""
        for page in PICTURED:
            self.browser.open((self.pages / f"{page}.html").as_uri())
            self.assertLess(self.browser.see("h1").location["y"], 200, (page, width))
            name = page.replace("/", "-")
            self.browser.screenshot(f"manual-{name}-{width}-{scheme}")

    def find(self) -> None:
        """Search for a setting, and follow the link."""
        self.browser.open(f"{(self.pages / 'search.html').as_uri()}?q=iq-max-timeout")
        self.browser.click('a[href*="#setting-iq-max-timeout"]')
        self.assertIn("reference/settings.html", self.browser.url)
