"""A browser without a network, for tests: opens a page from disk and keeps account of everything it tries.

Chromium is Debian's; where there is none a test is skipped with the reason, but fails where `CI=true` promises one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run", "--host-resolver-rules=MAP * ~NOTFOUND",
]  # fmt: skip
LONG_BEFORE = "2020-01-01T00:00:00Z"
LISTEN = """
document.addEventListener("securitypolicyviolation", (e) => console.error("CSP " + e.violatedDirective + " " + e.blockedURI));
window.alert = (text) => console.error("ALERT " + text);
"""


@dataclass
class Account:
    """What a page did that a page on its own must not do."""

    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not self.requests and not self.errors

    @property
    def violations(self) -> list[str]:
        return [error for error in self.errors if error.startswith("CSP ")]


def missing_browser() -> str:
    """Why there is no browser here; "" where there is one."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "playwright is not installed"
    return "" if CHROMIUM.is_file() else f"{CHROMIUM} is missing: apt-get install chromium, or set CHROMIUM"


@contextmanager
def chromium() -> Iterator[object]:
    """One browser for many pages."""
    reason = missing_browser()
    if reason:
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as web:
        browser = web.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def opened(browser, path, *, view="", size=(1280, 800), ready=True, now=LONG_BEFORE, init=""):
    """A page from disk at `#view`, with its account. Every request that leaves the disk is noted and refused.

    `now` is the moment that the page's clock shows when it opens; `page.clock` can move it on. Without one it is always long
    before any night: what a page shows doesn't hang on when its test is run. None is the clock of this machine.
    """
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, reduced_motion="reduce")
    account = Account()

    def judge(route):
        address = route.request.url
        if address.startswith(("file:", "data:", "blob:")):
            route.continue_()
        else:
            account.requests.append(address)
            route.abort()

    context.route("**/*", judge)
    page = context.new_page()
    page.on(
        "console", lambda message: account.errors.append(message.text) if message.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda error: account.errors.append(f"{error}"))
    page.on("websocket", lambda socket: account.requests.append(socket.url))
    page.add_init_script(LISTEN + init)
    if now == LONG_BEFORE:
        page.clock.set_fixed_time(now)
    elif now is not None:
        page.clock.install(time=now)
    page.goto(Path(path).as_uri() + ("#" + view if view else ""))
    if ready:
        page.wait_for_selector("html[data-ready]", state="attached", timeout=20_000)
    yield page, account
    context.close()
