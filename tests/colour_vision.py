"""Colours as eyes see them: sRGB, CIELAB, CIEDE2000, the contrast of WCAG, and three colour vision deficiencies.

Sources: IEC 61966-2-1 (sRGB); Sharma, Wu & Dalal 2005, doi:10.1002/col.20070 (CIEDE2000); WCAG 2.2 (relative luminance);
Machado, Oliveira & Fernandes 2009, doi:10.1109/TVCG.2009.113 (matrices of severity 1, on linear RGB).
"""

from __future__ import annotations

import re

import numpy as np

SIGHTS = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
WHITE = TO_XYZ.sum(axis=1)


def rgb(colour: str) -> np.ndarray:
    """(3,) of 0 to 1 for `#rgb` or `#rrggbb`."""
    digits = re.fullmatch(r"#([0-9a-f]{3}|[0-9a-f]{6})", colour.strip().lower())[1]
    full = digits if len(digits) == 6 else "".join(2 * each for each in digits)
    return np.array([int(full[k : k + 2], 16) for k in (0, 2, 4)]) / 255


def blended(colour: np.ndarray, ground: np.ndarray, alpha: float) -> np.ndarray:
    """As a browser paints a half-transparent colour: on the encoded values."""
    return alpha * colour + (1 - alpha) * ground


def linear(colour: np.ndarray) -> np.ndarray:
    return np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)


def encoded(light: np.ndarray) -> np.ndarray:
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def seen(colour: np.ndarray, sight: str) -> np.ndarray:
    """The colour as a person with that sight sees it."""
    return encoded(SIGHTS[sight] @ linear(colour))


def lab(colour: np.ndarray) -> np.ndarray:
    """CIELAB under D65."""
    ratio = (TO_XYZ @ linear(colour)) / WHITE
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(one: np.ndarray, other: np.ndarray) -> float:
    """WCAG 2.2: 1 for the same colour, 21 for black on white."""
    dark, light = sorted(float(TO_XYZ[1] @ linear(each)) for each in (one, other))
    return (light + 0.05) / (dark + 0.05)


def ciede2000(one: np.ndarray, other: np.ndarray) -> float:
    """The difference of two colours in CIELAB; 1 is about what an eye can just tell."""
    (l1, a1, b1), (l2, a2, b2) = one, other
    mean_c = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    g = 0.5 * (1 - np.sqrt(mean_c**7 / (mean_c**7 + 25.0**7)))
    c1, c2 = np.hypot((1 + g) * a1, b1), np.hypot((1 + g) * a2, b2)
    h1, h2 = (np.degrees(np.arctan2(b, (1 + g) * a)) % 360 for a, b in ((a1, b1), (a2, b2)))
    grey = c1 * c2 == 0
    turn = 0.0 if grey else (h2 - h1 + 180) % 360 - 180
    dl, dc, dh = l2 - l1, c2 - c1, 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))
    ml, mc = (l1 + l2) / 2, (c1 + c2) / 2
    mh = h1 + h2 if grey else (h1 + h2) / 2 if abs(h1 - h2) <= 180 else ((h1 + h2 + 360) / 2) % 360
    t = (
        1 - 0.17 * np.cos(np.radians(mh - 30)) + 0.24 * np.cos(np.radians(2 * mh))
        + 0.32 * np.cos(np.radians(3 * mh + 6)) - 0.20 * np.cos(np.radians(4 * mh - 63))
    )  # fmt: skip
    sl = 1 + 0.015 * (ml - 50) ** 2 / np.sqrt(20 + (ml - 50) ** 2)
    sc, sh = 1 + 0.045 * mc, 1 + 0.015 * mc * t
    turned = 60 * np.exp(-(((mh - 275) / 25) ** 2))
    rt = -2 * np.sqrt(mc**7 / (mc**7 + 25.0**7)) * np.sin(np.radians(turned))
    return float(np.sqrt((dl / sl) ** 2 + (dc / sc) ** 2 + (dh / sh) ** 2 + rt * (dc / sc) * (dh / sh)))


def difference(one: np.ndarray, other: np.ndarray, sight: str) -> float:
    """CIEDE2000 of two sRGB colours as seen with that sight."""
    return ciede2000(lab(seen(one, sight)), lab(seen(other, sight)))
