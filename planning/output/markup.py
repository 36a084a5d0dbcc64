"""Texts of files as exchange formats can hold them."""

from __future__ import annotations

import re

DATUM_NAMES = {"wgs84": "WGS-84", "gcj02": "GCJ-02", "bd09": "BD-09"}
_NO_XML = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def xml_text(text: str) -> str:
    """The text without control characters, which XML and calendars can't hold; tabs and line ends stay.

    >>> xml_text("a\\x00b\\r\\n<c>")
    'ab\\n<c>'
    """
    return _NO_XML.sub("", text)
