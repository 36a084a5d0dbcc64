"""Pictures of the sample district's map for the README: wall in Chinese, desk and phone.

Needs Debian's chromium. The page is opened from the disk; nothing is fetched.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).resolve().parent / "images"
VIEWS = {
    "plan-wall-zh": ({"width": 1920, "height": 1080}, "lang=zh&theme=dark&hour=20"),
    "plan-desk-en": ({"width": 1440, "height": 900}, "lang=en&theme=light&hour=20"),
    "plan-phone-zh": ({"width": 390, "height": 844}, "lang=zh&theme=light&hour=20"),
}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        subprocess.run([sys.executable, "-m", "planning", "demo", "--out", run], check=True)
        with sync_playwright() as web:
            browser = web.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
            for name, (size, view) in VIEWS.items():
                page = browser.new_page(viewport=size)
                page.goto(f"{(run / 'map.html').as_uri()}#{view}")
                page.wait_for_selector("html[data-ready]")
                page.wait_for_timeout(800)  # the canvas tiles of the streets paint after the page is ready
                page.screenshot(path=IMAGES / f"{name}.png")
                page.close()
            browser.close()


if __name__ == "__main__":
    main()
