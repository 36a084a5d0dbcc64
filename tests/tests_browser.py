"""Headless Chromium with the network cut, for tests of pages."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
ARGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run", "--host-resolver-rules=MAP * ~NOTFOUND",
]  # fmt: skip
WATCH_POLICY = "document.addEventListener('securitypolicyviolation', e => console.error('CSP ' + e.violatedDirective))"


@dataclass
class Seen:
    """What a page tried that it shouldn't."""

    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser; without it tests skip, but not where CI promised it."""
    if not CHROMIUM.exists():
        if os.environ.get("CI"):
            pytest.fail("Chromium is missing: .ci/system-packages installs it")
        pytest.skip("Chromium is absent (Debian package chromium)")
    with sync_playwright() as web:
        browser = web.chromium.launch(executable_path=str(CHROMIUM), args=ARGS)
        yield browser
        browser.close()


def opened(browser: Browser, url: str, *, width: int = 1920, height: int = 1080) -> tuple[Page, Seen]:
    """A new page at `url`, every request and complaint noted."""
    seen = Seen()
    page = browser.new_page(viewport={"width": width, "height": height})
    page.on(
        "request", lambda r: seen.requests.append(r.url) if not r.url.startswith(("file:", "data:", "blob:")) else None
    )
    page.on("console", lambda m: seen.errors.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    page.add_init_script(WATCH_POLICY)
    page.goto(url)
    return page, seen
