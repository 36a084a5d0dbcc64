"""A database's address: what it may say, and how much of it may be shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from hotspot.errors import Fault, InputError

SCHEMES = ("postgresql://", "postgres://")
_ADDRESS = re.compile(
    r"postgres(?:ql)?://(?:(?P<user>[^:@/?#]*)(?::(?P<password>[^/?#]*))?@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^:@/?#\[\]]*)"
    r"(?::(?P<port>\d{1,5}))?(?:/(?P<database>[^/?#@]*))?(?:\?(?P<query>[^#@]*))?"
)
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_QUERY = {  # what the address may set, and how the value must look
    "sslmode": re.compile("|".join(_SSL_MODES)),
    "sslrootcert": re.compile(r".+"),
    "application_name": re.compile(r"[\x20-\x7e]{1,63}"),
    "connect_timeout": re.compile(r"[1-9]\d{0,2}"),
}
_HOW_TO_WRITE = (
    "write it as postgresql://user@host:port/database, with @ : / ? # in a name or password as %40 %3A %2F %3F %23; "
    "a password is better kept in PGPASSWORD or ~/.pgpass"
)


@dataclass(frozen=True)
class Address:
    """Where the database is. `shown` is what a person may see of it: no password, no query."""

    shown: str
    host: str | None
    port: int | None
    database: str | None
    user: str | None
    password: str | None = field(repr=False)
    query: Mapping[str, str]


def masked_address(address: str) -> str:
    """A database's address as it may be shown: without password and query; the scheme alone where it can't be parsed.

    >>> masked_address("postgresql://amy:p%40ss@db.lan:5433/city?sslmode=require")
    'postgresql://amy:***@db.lan:5433/city'
    >>> masked_address("postgresql://amy:se/cret@db.lan/city")
    'postgresql://...'
    """
    parts = _ADDRESS.fullmatch(address)
    if parts is None or not address.isprintable():
        return address.partition("://")[0] + "://..." if address.startswith(SCHEMES) else "..."
    user = f"{parts['user']}{':***' if parts['password'] is not None else ''}@" if parts["user"] is not None else ""
    port = f":{parts['port']}" if parts["port"] else ""
    return f"postgresql://{user}{parts['host']}{port}/{parts['database'] or ''}"


def parse_address(address: str) -> Address:
    shown, parts = masked_address(address), _ADDRESS.fullmatch(address)
    if not address.startswith(SCHEMES):
        raise InputError(Fault(shown, "not a postgresql:// address", _HOW_TO_WRITE))
    if parts is None or not unquote(address).isprintable():
        raise InputError(Fault(shown, "the address can't be read", _HOW_TO_WRITE))
    found = {name: unquote(text) if text else None for name, text in parts.groupdict().items()}
    if "," in (found["host"] or ""):
        raise InputError(Fault(shown, "the address names several hosts", "name one of them"))
    if "=" in (found["database"] or "") or "://" in (found["database"] or ""):  # libpq may take it for more settings
        raise InputError(Fault(shown, "the address can't be read", _HOW_TO_WRITE))
    return Address(
        shown, (found["host"] or "").strip("[]") or None, int(found["port"]) if found["port"] else None,
        found["database"], found["user"], found["password"], _query(parts["query"] or "", shown),
    )  # fmt: skip


def _query(written: str, shown: str) -> Mapping[str, str]:
    """The settings after `?`. The rest of libpq's could read other files or switch the read-only mode off."""
    pairs = parse_qsl(written, keep_blank_values=True)
    known, fix = ", ".join(_QUERY), f"take it out; the address may set {', '.join(_QUERY)}"
    faults = [
        Fault(shown, f"'{key}' can't be set in the address", fix, field=key) for key, _ in pairs if key not in _QUERY
    ]
    faults += [
        Fault(shown, "not a value that it can have", f"use one of {', '.join(_SSL_MODES)}", field=key, value=value)
        if key == "sslmode"
        else Fault(shown, "not a value that it can have", "correct it or take it out", field=key, value=value)
        for key, value in pairs
        if key in _QUERY and not _QUERY[key].fullmatch(value)
    ]
    if len({key for key, _ in pairs}) < len(pairs):
        faults.append(Fault(shown, "a setting of the address appears twice", f"give each of {known} once"))
    if faults:
        raise InputError(faults)
    return dict(pairs)
