"""The map page: a shell that opens without a network, our script, style and words."""

from hotspot.mapping.shell import render_page, words

__all__ = ["render_page", "words"]
