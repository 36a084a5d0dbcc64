"""What texts say of date and time of day. A column has many texts but few shapes, so each shape is understood once.

The shape of a text is the text with every digit turned to 0: `2026-03-15 21:05` and `2025-12-01 08:30` are both
`0000-00-00 00:00`. A plan says where a shape has its year, month and so on; all rows of the shape are read by it at
once. Nothing here knows of time zones: what comes out is the clock on the wall.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from hotspot.errors import ConfigError

READ, MISSING, NOT_A_TIME, NO_SUCH_TIME, DAY_OR_MONTH, TWO_READINGS = range(6)
NAT_US = np.iinfo(np.int64).min  # what pandas stores for NaT
NO_OFFSET_S = np.iinfo(np.int32).max
LONGEST = 64  # bytes; no way of writing a time is longer
YEARS = (2, 9998)  # so that no offset leads out of the years that Python knows
COMPACT_YEARS = (1900, 2100)  # other runs of digits are numbers of something else
SERIALS = (36526, 73051)  # 2000-01-01 and 2100-01-01 in Excel's 1900 date system
SERIAL_DAY_0 = -25569  # 1899-12-30, in days since 1970
MOST_PEELED = 8

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Rows = slice | Ints

PLAIN = str.maketrans("０１２３４５６７８９：／－．，　", "0123456789:/-., ")
_WIDE_TEXT = "[０-９：／－．，　]"

_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
MONTHS = {name: i + 1 for i, name in enumerate(_MONTHS)} | {name[:3]: i + 1 for i, name in enumerate(_MONTHS)}
MONTHS["sept"] = 9


def _hours(as_they_are: Sequence[int], later: Sequence[int] = (), first: Sequence[int] = ()) -> npt.NDArray[np.int8]:
    """(100,) the hour of the day that an hour means; 12 more for those in `later`, 0 for those in `first`, else -1."""
    table = np.full(100, -1, dtype=np.int8)
    table[list(as_they_are)] = list(as_they_are)
    table[list(later)] = [hour + 12 for hour in later]
    table[list(first)] = 0
    return table


ANY_HOUR = _hours(range(25))
_EARLY_HALF, _LATE_HALF = _hours(range(12), first=[12]), _hours([12], later=range(1, 12))
HALVES: Mapping[str, npt.NDArray[np.int8]] = {  # what a word says without doubt: 上午12:05 and 晚上12:05 say nothing
    "am": _EARLY_HALF, "pm": _LATE_HALF,
    "上午": _hours(range(12)), "下午": _hours(range(12, 24), later=range(1, 12)),
    "凌晨": _hours(range(7)), "早上": _hours(range(4, 12)), "早晨": _hours(range(4, 12)),
    "中午": _hours([11, 12, 13], later=[1, 2]), "傍晚": _hours(range(16, 21), later=range(4, 9)),
    "晚上": _hours(range(17, 24), later=range(5, 12)),
}  # fmt: skip
_HALF = "|".join(word for word in HALVES if not word.isascii())
_AMPM = r"[AaPp]\.?[Mm]\.?"
_OFFSET = r"(?P<zone>Z|z|UTC|GMT|(?P<sign>[+-])(?P<offhour>00)(?::?(?P<offminute>00))?)"
_SECOND = r"(?P<second{0}>0{{1,2}})(?:[.,](?P<fraction{0}>0{{1,9}}))?"
_CLOCK = (
    rf"(?:(?P<half>{_HALF})\s*)?(?P<hour>0{{1,2}})"
    rf"(?::(?P<minute>0{{1,2}})(?::{_SECOND.format('')})?"
    rf"|[时時点點](?:\s*(?P<minute_2>0{{1,2}})(?:[分:](?:\s*{_SECOND.format('_2')}秒?)?)?)?)"
    rf"(?:\s*(?P<half_2>{_AMPM}))?(?:\s*{_OFFSET})?"
)
_NAME = r"(?P<name>[A-Za-z]{3,9})\.?"
_YEAR, _MONTH, _DAY = r"(?P<year>0{4})", r"(?P<month>0{1,2})", r"(?P<day>0{1,2})"
_FORMS = [
    rf"{_YEAR}(?P<_s>[-/.]){_MONTH}(?P=_s){_DAY}(?:(?:[Tt]|\s+){_CLOCK})?",
    rf"{_YEAR}年\s*{_MONTH}月\s*{_DAY}[日号](?:\s*[(（]?(?:星期|周)[一二三四五六日天][)）]?)?(?:[T\s]*{_CLOCK})?",
    rf"(?P<compact>{_YEAR})(?P<month>00)(?P<day>00)"
    rf"(?:[T ]?(?P<hour>00)(?P<minute>00)(?P<second>00)?(?:\s*{_OFFSET})?)?",
    rf"{_DAY}(?:st|nd|rd|th)?[- /.]?\s*{_NAME}[-/,\s]*{_YEAR}(?:,?\s+{_CLOCK})?",
    rf"{_NAME}\s*{_DAY}(?:st|nd|rd|th)?(?:,\s*|\s+){_YEAR}(?:,?\s+{_CLOCK})?",
    rf"{_YEAR}(?P<_s>[-/ ]){_NAME}(?P=_s){_DAY}(?:(?:[Tt]|,?\s+){_CLOCK})?",
    r"(?P<serial>0{5})(?:\.(?P<parts>0{1,20}))?",
    rf"(?P<one>0{{1,2}})(?P<_s>[-/.])(?P<two>0{{1,2}})(?P=_s)(?:{_YEAR}|(?P<shortyear>00))(?:(?:[Tt]|,?\s+){_CLOCK})?",
]
_KNOWN_FORMS = [re.compile(form) for form in _FORMS]
_WORDS = "|".join(sorted([*MONTHS, "st", "nd", "rd", "th", "utc", "gmt", "a", "p", "m", "t", "z", _HALF], reverse=True))
_HOPEFUL = re.compile(
    rf"(?:[-+/.:,0\s年月日号时時点點分秒()（）星期周一二三四五六天]|{_WORDS})++", re.IGNORECASE
)  # a column of names is refused soon
_DIRECTIVES = {
    "Y": _YEAR, "y": r"(?P<shortyear>00)", "m": _MONTH, "d": _DAY, "H": r"(?P<hour>0{1,2})", "I": r"(?P<hour>0{1,2})",
    "M": r"(?P<minute>0{1,2})", "S": r"(?P<second>0{1,2})", "f": r"(?P<fraction>0{1,9})", "j": r"(?P<yearday>0{1,3})",
    "b": r"(?P<name>[A-Za-z]{3,9})", "B": r"(?P<name>[A-Za-z]{3,9})", "p": rf"(?P<half>{_HALF}|{_AMPM})", "z": _OFFSET,
}  # fmt: skip
_NUMBERS = frozenset("YymdHIMSfj")
_MEANS = {"y": "Y", "b": "m", "B": "m", "I": "H"}
_PART = re.compile(r"%(.?)|([0-9]+)|(\s+)|([^%0-9\s]+)")


@dataclass(frozen=True, eq=False)
class Plan:
    """Where a shape has its parts: `spans` are byte positions of digits; `code` isn't READ if the shape can't be read.

    `month` is that of a name, else 0; `literals` are digits of a format that a text must have.
    """

    code: int = READ
    spans: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    month: int = 0
    hours: npt.NDArray[np.int8] = field(default_factory=lambda: ANY_HOUR)
    half: str = ""
    sign: int = 0
    in_utc: bool = False
    literals: tuple[tuple[int, int, int], ...] = ()

    @property
    def is_date(self) -> bool:
        return "hour" not in self.spans and "serial" not in self.spans


@dataclass(frozen=True, eq=False)
class Readings:
    """What n texts say: `wall_us` (microseconds since 1970 on the wall's clock, NAT_US if unread), `offset_s` (from UTC,
    NO_OFFSET_S where a text has none), `code` (READ, or why not), which are dates alone and which a spreadsheet's serials.
    """

    wall_us: Ints
    offset_s: Ints
    code: npt.NDArray[np.int8]
    date_only: Mask
    serial: Mask


def read_texts(text: pa.Array, formats: Sequence[str] = ()) -> Readings:
    """Read every text by the plan of its shape; one that a declared format claims is read by declared formats alone.

    Raises ConfigError for a format that isn't one.
    """
    declared = tuple(formats)
    for each in declared:
        compiled(each)
    n = len(text)
    out = Readings(
        np.full(n, NAT_US), np.full(n, NO_OFFSET_S, dtype=np.int64), np.full(n, NOT_A_TIME, dtype=np.int8),
        np.zeros(n, dtype=bool), np.zeros(n, dtype=bool),
    )  # fmt: skip
    for rows, matrix, shape in _by_shape(_plain(text)):
        if not shape:
            out.code[rows] = MISSING
        else:
            _read_rows(out, rows, matrix, plans_of(shape, declared))
    return out


def dates_alone(text: pa.Array, formats: Sequence[str] = ()) -> Mask:
    """(n,) which texts have the shape of a date and nothing else, or are a whole number of days in a spreadsheet."""
    found = np.zeros(len(text), dtype=bool)
    for rows, matrix, shape in _by_shape(_plain(text)):
        plan = (
            next((plan for plan in plans_of(shape, tuple(formats)) if plan.code != NOT_A_TIME), None) if shape else None
        )
        if plan is not None:
            found[rows] = plan.is_date or _whole_days(matrix, plan)
    return found


def _plain(text: pa.Array) -> pa.LargeStringArray:
    """One array without nulls, with ordinary digits and marks in place of full-width ones."""
    whole = text.combine_chunks() if isinstance(text, pa.ChunkedArray) else text
    whole = pc.fill_null(whole.cast(pa.large_string()), "")
    data = whole.buffers()[2]
    if data is None or not np.isin(np.frombuffer(data, dtype=np.uint8), (0xE3, 0xEF)).any():
        return whole
    wide = pc.match_substring_regex(whole, _WIDE_TEXT)
    plain = [each.translate(PLAIN) for each in whole.filter(wide).to_pylist()]
    return pc.replace_with_mask(whole, wide, pa.array(plain, pa.large_string()))


def _by_shape(text: pa.LargeStringArray) -> Iterator[tuple[Rows, Bytes, bytes]]:
    """The rows of each shape, their bytes (k, length) and the shape; texts without a digit or too long don't come."""
    n = len(text)
    if not n:
        return
    _, starts_buffer, data_buffer = text.buffers()
    starts = np.frombuffer(starts_buffer, dtype=np.int64)[text.offset : text.offset + n + 1]
    data = np.frombuffer(data_buffer, dtype=np.uint8) if data_buffer else np.empty(0, dtype=np.uint8)
    length = np.diff(starts)
    for size in np.flatnonzero(np.bincount(np.minimum(length, LONGEST + 1))[: LONGEST + 1]).tolist():
        rows = np.flatnonzero(length == size)
        if not size:
            yield rows, np.empty((len(rows), 0), dtype=np.uint8), b""
        elif len(rows) == n:
            yield from _shapes_in(data[starts[0] : starts[-1]].reshape(n, size), None)
        else:
            windows = np.lib.stride_tricks.sliding_window_view(data, size)
            yield from _shapes_in(windows[starts[rows]], rows)


def _shapes_in(matrix: Bytes, rows: Ints | None) -> Iterator[tuple[Rows, Bytes, bytes]]:
    """Groups of one shape among texts of one length. `rows` None: the matrix holds every row."""
    digit = (matrix - np.uint8(48)) < 10
    shapes = np.where(digit, np.uint8(48), matrix)
    first = _same(shapes, shapes[0])
    if first.all():
        yield (slice(None) if rows is None else rows), matrix, shapes[0].tobytes()
        return
    left = np.flatnonzero(digit.any(axis=1))
    where = np.arange(len(matrix)) if rows is None else rows
    for _ in range(MOST_PEELED):
        if not len(left):
            return
        same = _same(shapes[left], shapes[left[0]])
        yield where[left[same]], matrix[left[same]], shapes[left[0]].tobytes()
        left = left[~same]
    for group in _equal_rows(shapes[left]):
        yield where[left[group]], matrix[left[group]], shapes[left[group[0]]].tobytes()


def _same(shapes: Bytes, shape: Bytes) -> Mask:
    same: Mask = shapes[:, 0] == shape[0]
    for column in range(1, shapes.shape[1]):
        same &= shapes[:, column] == shape[column]
    return same


def _equal_rows(shapes: Bytes) -> list[Ints]:
    """Positions of equal rows, one array for each kind."""
    if not len(shapes):
        return []
    keys = np.ascontiguousarray(shapes).view(f"S{shapes.shape[1]}").ravel()
    order = np.argsort(keys, kind="stable")
    return np.split(order, np.flatnonzero(keys[order][1:] != keys[order][:-1]) + 1)


@lru_cache(maxsize=4096)
def plans_of(shape: bytes, formats: tuple[str, ...] = ()) -> tuple[Plan, ...]:
    """How the shape is read: by each declared format that fits it, else by the one form that is known without doubt."""
    text = shape.decode()
    declared = (_fitted(*compiled(each), text) for each in formats)
    found = tuple(plan for plan in declared if plan is not None)
    if found:
        return found
    forms = _KNOWN_FORMS if _HOPEFUL.fullmatch(text) else []
    known = (_fitted(form, {}, text) for form in forms)
    return (next((plan for plan in known if plan is not None), Plan(NOT_A_TIME)),)


def _fitted(form: re.Pattern[str], literals: Mapping[str, int], shape: str) -> Plan | None:
    """The plan of a shape that has this form; None if it hasn't, or has a name that is no month or two halves of a day."""
    found = form.fullmatch(shape)
    if found is None:
        return None
    at = {name: _byte_span(shape, *found.span(name)) for name, part in found.groupdict().items() if part is not None}
    if "half" in at and "half_2" in at:
        return None
    spans = {name.partition("_")[0]: span for name, span in at.items() if not name.startswith("_")}
    said = {name: shape.encode()[slice(*span)].decode() for name, span in spans.items()}
    month = MONTHS.get(said["name"].lower(), 0) if "name" in said else 0
    if "name" in said and not month:
        return None
    half = said.get("half", "").lower().replace(".", "")
    return Plan(
        code=DAY_OR_MONTH if "one" in spans else READ,
        spans=spans,
        month=month,
        hours=HALVES[half] if half else ANY_HOUR,
        half=half,
        sign=-1 if said.get("sign") == "-" else 1,
        in_utc="zone" in said and "sign" not in said,
        literals=tuple((*spans[name], value) for name, value in literals.items()),
    )


def _byte_span(text: str, start: int, stop: int) -> tuple[int, int]:
    return len(text[:start].encode()), len(text[:stop].encode())


@cache
def compiled(declared: str) -> tuple[re.Pattern[str], dict[str, int]]:
    """A strptime format as a pattern of shapes, and the digits that it has itself.

    Raises ConfigError when it isn't one, or doesn't say a whole date.

    >>> compiled("%d/%m")
    Traceback (most recent call last):
    hotspot.errors.ConfigError: time_formats '%d/%m' doesn't say year, month and day; fix: write it like %d/%m/%Y %H:%M
    """
    parts = [(found[0], *found.groups()) for found in _PART.finditer(declared.translate(PLAIN))]
    codes = [code for _, code, *_ in parts if code is not None]
    _check_format(declared, codes)
    numbers = [digits is not None or code in _NUMBERS for _, code, digits, *_ in parts]
    pattern, literals = "", {}
    for i, (whole, code, digits, blank, _) in enumerate(parts):
        if digits is not None:
            literals[f"literal{i}"] = int(digits)
            pattern += f"(?P<literal{i}>0{{{len(digits)}}})"
        elif code is not None and code != "%":
            touches = numbers[i] and (any(numbers[i + 1 : i + 2]) or (i > 0 and numbers[i - 1]))
            pattern += _full_width(_DIRECTIVES[code]) if touches else _DIRECTIVES[code]
        else:
            pattern += r"\s+" if blank else re.escape("%" if code else whole)
    return re.compile(pattern), literals


def _full_width(directive: str) -> str:
    """All digits of it: where numbers touch, nothing else says where one ends."""
    return re.sub(r"0\{1,([23])\}", r"0{\1}", directive)


def _check_format(declared: str, codes: Sequence[str]) -> None:
    said = [_MEANS.get(code, code) for code in codes if code != "%"]
    unknown = [code for code in codes if code not in _DIRECTIVES and code != "%"]
    whole = "Y" in said and ("j" in said or ("m" in said and "d" in said))
    if unknown:
        wrong = f"has %{unknown[0]}, which isn't known"
    elif len(set(said)) < len(said):
        wrong = "says the same thing twice"
    elif not whole:
        wrong = "doesn't say year, month and day"
    elif ("p" in codes) != ("I" in codes):
        wrong = "has %I without %p or %p without %I"
    elif ("M" in said and "H" not in said) or ("S" in said and "M" not in said) or ("f" in said and "S" not in said):
        wrong = "says minutes without hours or seconds without minutes"
    else:
        return
    raise ConfigError(f"time_formats {declared!r} {wrong}; fix: write it like %d/%m/%Y %H:%M")


def _read_rows(out: Readings, rows: Rows, matrix: Bytes, plans: Sequence[Plan]) -> None:
    """Read rows of one shape into `out`: by the one plan, or by several declared formats that have to agree."""
    if plans[0].code == NOT_A_TIME:
        return
    wall, offset, code = _by_plan(plans[0], matrix)
    for plan in plans[1:]:
        other_wall, other_offset, other_code = _by_plan(plan, matrix)
        differ = (code == READ) & (other_code == READ) & ((wall != other_wall) | (offset != other_offset))
        instead = (code != READ) & (other_code == READ)
        wall, offset = np.where(instead, other_wall, wall), np.where(instead, other_offset, offset)
        code = np.where(differ, TWO_READINGS, np.where(instead, READ, code))
    out.code[rows] = code
    out.wall_us[rows] = np.where(code == READ, wall, NAT_US)
    out.offset_s[rows] = offset
    out.date_only[rows] = (plans[0].is_date | _whole_days(matrix, plans[0])) & (code == READ)
    out.serial[rows] = ("serial" in plans[0].spans) & (code == READ)


def _by_plan(plan: Plan, matrix: Bytes) -> tuple[Ints, Ints | int, npt.NDArray[np.int8]]:
    """Wall clock, offset and code of rows of one shape."""
    if plan.code == DAY_OR_MONTH:
        return np.full(len(matrix), NAT_US), NO_OFFSET_S, _day_or_month(plan, matrix)
    if "serial" in plan.spans:
        return _serials(plan, matrix)
    days, possible = _days(plan, matrix)
    clock_us, hour, possible_clock = _clock_us(plan, matrix)
    offset, possible_offset = _offsets(plan, matrix)
    for start, stop, value in plan.literals:
        possible &= _number(matrix, (start, stop)) == value
    code = np.where(possible & possible_clock & possible_offset, READ, NO_SUCH_TIME).astype(np.int8)
    code[hour < 0] = NOT_A_TIME if plan.half else NO_SUCH_TIME
    if "year" in plan.spans:
        first, last = COMPACT_YEARS if "compact" in plan.spans else YEARS
        year = _number(matrix, plan.spans["year"])
        code[(year < first) | (year > last)] = NOT_A_TIME
    return days * 86_400_000_000 + clock_us, offset, code


def _number(matrix: Bytes, span: tuple[int, int]) -> npt.NDArray[np.int32]:
    value = (matrix[:, span[0]] & 15).astype(np.int32)
    for column in range(span[0] + 1, span[1]):
        value *= 10
        value += matrix[:, column] & 15
    return value


def _days(plan: Plan, matrix: Bytes) -> tuple[Ints, Mask]:
    """Days since 1970, and which of them exist."""
    if "shortyear" in plan.spans:
        short = _number(matrix, plan.spans["shortyear"])
        year = short + np.where(short < 69, 2000, 1900)  # as POSIX has it
    else:
        year = _number(matrix, plan.spans["year"])
    if "yearday" in plan.spans:
        day, month = _number(matrix, plan.spans["yearday"]), np.ones(len(year), dtype=np.int32)
        last = np.where((year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0)), 366, 365)
    else:
        day = _number(matrix, plan.spans["day"])
        month = _number(matrix, plan.spans["month"]) if not plan.month else np.full(len(year), plan.month, np.int32)
        last = None
    first_days = _first_days_of_months()
    at = year * 12 + np.clip(month, 1, 12) - 1
    begins = first_days[at]
    if last is None:
        last = first_days[at + 1] - begins
    possible = (year > 0) & (month > 0) & (month < 13) & (day > 0) & (day <= last)
    return begins + day - 1, possible


@cache
def _first_days_of_months() -> Ints:
    """Days since 1970 of the first of each month from year 0 to 9999, and the end."""
    months = np.arange("0000-01", "10000-02", dtype="datetime64[M]")
    return months.astype("datetime64[D]").astype(np.int64)


def _clock_us(plan: Plan, matrix: Bytes) -> tuple[Ints | int, npt.NDArray[np.int8], Mask]:
    """Microseconds since midnight, the hour (-1: there is none), and which times of day exist; 24:00 does."""
    n = len(matrix)
    if "hour" not in plan.spans:
        return 0, np.zeros(n, dtype=np.int8), np.ones(n, dtype=bool)
    hour = plan.hours[_number(matrix, plan.spans["hour"])]
    rest_us = np.zeros(n, dtype=np.int64)
    possible = np.ones(n, dtype=bool)
    for name, unit_us in (("minute", 60_000_000), ("second", 1_000_000)):
        if name in plan.spans:
            value = _number(matrix, plan.spans[name])
            possible &= value < 60
            rest_us += value * np.int64(unit_us)
    if "fraction" in plan.spans:
        start, stop = plan.spans["fraction"]
        digits = min(stop - start, 6)  # what is finer than a microsecond is cut off
        rest_us += _number(matrix, (start, start + digits)) * np.int64(10 ** (6 - digits))
    possible &= (hour < 24) | (rest_us == 0)
    return hour * np.int64(3_600_000_000) + rest_us, hour, possible


def _offsets(plan: Plan, matrix: Bytes) -> tuple[Ints | int, Mask | bool]:
    if plan.in_utc:
        return 0, True
    if "offhour" not in plan.spans:
        return NO_OFFSET_S, True
    hours = _number(matrix, plan.spans["offhour"]).astype(np.int64)
    minutes = _number(matrix, plan.spans["offminute"]) if "offminute" in plan.spans else 0
    return plan.sign * (hours * 3600 + minutes * 60), (hours <= 14) & (minutes < 60)


def _day_or_month(plan: Plan, matrix: Bytes) -> npt.NDArray[np.int8]:
    """DAY_OR_MONTH, but NO_SUCH_TIME where neither order gives a date. Two-digit years may also come first."""
    one, two = _number(matrix, plan.spans["one"]), _number(matrix, plan.spans["two"])
    possible = (np.minimum(one, two) >= 1) & (np.minimum(one, two) <= 12) & (np.maximum(one, two) <= 31)
    if "shortyear" in plan.spans:
        possible[:] = True
    return np.where(possible, DAY_OR_MONTH, NO_SUCH_TIME).astype(np.int8)


def _serials(plan: Plan, matrix: Bytes) -> tuple[Ints, int, npt.NDArray[np.int8]]:
    """Days and parts of a day in Excel's 1900 system, to the nearest second: a spreadsheet's time of day isn't exact."""
    day = _number(matrix, plan.spans["serial"]).astype(np.int64)
    seconds = np.zeros(len(day), dtype=np.int64)
    if "parts" in plan.spans:
        start, stop = plan.spans["parts"]
        part = sum((matrix[:, column] & 15) * 10.0 ** (start - column - 1) for column in range(start, stop))
        seconds = np.rint(part * 86_400.0).astype(np.int64)
    code = np.where((day >= SERIALS[0]) & (day <= SERIALS[1]), READ, NOT_A_TIME).astype(np.int8)
    return (day + SERIAL_DAY_0) * 86_400_000_000 + seconds * 1_000_000, NO_OFFSET_S, code


def _whole_days(matrix: Bytes, plan: Plan) -> Mask | bool:
    """Which serials are dates: those without a part of a day."""
    if "serial" not in plan.spans:
        return False
    return (_number(matrix, plan.spans["parts"]) == 0) if "parts" in plan.spans else True


def declarations(text: pa.Array) -> dict[str, tuple[str, ...]]:
    """How the shapes that are refused as DAY_OR_MONTH would be declared, by what comes first: day, month or year."""
    found: dict[str, dict[str, None]] = {"day": {}, "month": {}, "year": {}}
    for _, _, shape in _by_shape(_plain(text)):
        plan = plans_of(shape)[0] if shape else Plan(NOT_A_TIME)
        if plan.code == DAY_OR_MONTH:
            last = "%y" if "shortyear" in plan.spans else "%Y"
            for first, order in {
                "day": ("%d", "%m", last),
                "month": ("%m", "%d", last),
                "year": ("%y", "%m", "%d"),
            }.items():
                found[first][_as_format(shape, plan, order)] = None
    return {first: tuple(formats) for first, formats in found.items()}


def _as_format(shape: bytes, plan: Plan, order: tuple[str, str, str]) -> str:
    """The shape with directives in place of its parts."""
    names = {"hour": "%I" if plan.half else "%H", "minute": "%M", "second": "%S", "fraction": "%f", "half": "%p"}
    names |= {"zone": "%z", "one": order[0], "two": order[1], "year": order[2], "shortyear": order[2]}
    parts = sorted(((*plan.spans[name], code) for name, code in names.items() if name in plan.spans), reverse=True)
    for start, stop, code in parts:
        shape = shape[:start] + code.encode() + shape[stop:]
    return shape.decode()
