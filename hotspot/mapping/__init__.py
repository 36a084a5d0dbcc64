"""The pages: a shell that opens without a network, our script, style and words."""

from hotspot.mapping.catalogue import words
from hotspot.mapping.shell import render_page

__all__ = ["render_page", "words"]
