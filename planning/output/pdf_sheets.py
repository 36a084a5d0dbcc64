"""Sheets as PDF, for districts that ask for it: drawn from the finished pages, with nothing loaded from anywhere."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hotspot.errors import ConfigError
from planning.config import Config

FAMILY = "sheet font"
SAMPLES = {"zh": "巡防任务单义警队路口", "en": "Team sheet"}
_LOG = logging.getLogger("weasyprint")
_IDENTIFIER = b"hotspot-patrol"  # of the file; the library would draw one at random


def require_pdf(config: Config) -> None:
    """Finds out before a plan is made whether its sheets can be printed, if the district asks for that.

    Raises ConfigError when WeasyPrint can't be used here, when the font's file isn't there, or when no font has the
    language's characters: a sheet with empty boxes in place of Chinese is worse than none.
    """
    if config.sheets.pdf:
        language = config.district.language
        page = f"<!DOCTYPE html><html lang='{language}'><body>{SAMPLES[language]}</body></html>"
        _pdf(page, _Printer(_font(config)))


def write_pdfs(folder: Path, config: Config) -> list[Path]:
    """A PDF beside each team's page in `folder` (`T01.pdf` of `T01.html`), if the district asks for that.

    The same page gives the same bytes. Pages may hold `data:` addresses and nothing else. Raises ConfigError as
    `require_pdf` does, and for letters of a name that no font has.
    """
    if not config.sheets.pdf:
        return []
    printer = _Printer(_font(config))
    pages = sorted(page for page in folder.glob("*.html") if page.name != "index.html")
    for page in pages:
        page.with_suffix(".pdf").write_bytes(_pdf(page.read_text(encoding="utf-8"), printer))
    return [page.with_suffix(".pdf") for page in pages]


def _font(config: Config) -> Path | None:
    return config.folder / config.sheets.font if config.sheets.font else None


class _Printer:
    """WeasyPrint with its fonts, found once: that takes longer than a sheet."""

    def __init__(self, font: Path | None) -> None:
        try:
            import weasyprint
            from weasyprint.text.fonts import FontConfiguration
            from weasyprint.urls import URLFetcher
        except ImportError as error:
            fix = "pip install 'hotspot-patrol[pdf]'"
            raise ConfigError(f"sheets.pdf: WeasyPrint isn't installed; fix: {fix}") from error
        except OSError as error:  # the package is there, but not what it draws with
            raise ConfigError(f"sheets.pdf: WeasyPrint can't start: {error}; fix: install the library Pango") from error
        if font is not None and not font.is_file():
            raise ConfigError(f"sheets.font: {font}: no such file; fix: give the path of a .ttf or .otf file")
        self.font = font
        self.fonts = FontConfiguration()
        self.document: Callable[..., Any] = weasyprint.HTML
        self.fetch = URLFetcher(allowed_protocols=["data"])
        self.styles = [weasyprint.CSS(string=_style(font), font_config=self.fonts)] if font else []


def _style(font: Path) -> str:
    """Every text in the font of that file."""
    face = f"@font-face {{ font-family: '{FAMILY}'; src: url('{font.resolve().as_uri()}') }}"
    return f"{face} * {{ font-family: '{FAMILY}' !important }}"


def _pdf(html: str, printer: _Printer) -> bytes:
    with _missing_characters() as missing:
        document = printer.document(string=html, url_fetcher=printer.fetch)
        content: bytes = document.write_pdf(
            stylesheets=printer.styles, font_config=printer.fonts, pdf_identifier=_IDENTIFIER
        )  # fmt: skip
    if lacking := "".join(sorted({character for character in missing if character.isalnum()})):
        where = f"{printer.font} has" if printer.font else "the fonts of this system have"
        fix = 'install a font with them (Debian: fonts-noto-cjk), or name its file: [sheets] font = "PATH"'
        raise ConfigError(f"sheets.pdf: {where} no glyphs for {lacking}; fix: {fix}")
    return content


class _Listener(logging.Handler):
    """Keeps the characters of what it hears."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.missing: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.missing.extend(_characters(record))


@contextmanager
def _missing_characters() -> Iterator[list[str]]:
    """Characters that no font had, as WeasyPrint tells its log; its other warnings go nowhere."""
    listener = _Listener(logging.WARNING)
    before, _LOG.propagate = _LOG.propagate, False
    _LOG.addHandler(listener)
    try:
        yield listener.missing
    finally:
        _LOG.removeHandler(listener)
        _LOG.propagate = before


def _characters(record: logging.LogRecord) -> Sequence[str]:
    args = record.args
    return [str(args[0])] if isinstance(args, tuple) and record.msg.startswith(".notdef glyph") else []
