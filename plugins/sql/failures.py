"""Makes outcomes of what databases and their drivers raise."""

import re

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError

from incm_webhook import Reject, Unavailable

_LONGEST = 300  # characters of a database's own words

# What only a person can mend, by database. Everything else may go away by itself.
_POSTGRESQL = re.compile(r"28...|3D000|3F000|42501|42P01|42703|42804|0A000|57P04")
# A failed attempt to connect carries no code.
_POSTGRESQL_TEXTS = re.compile(
    "password authentication failed|no password supplied|authentication failed"
    "|role .* does not exist|database .* does not exist|no pg_hba.conf entry"
    "|permission denied|not permitted to log in|certificate verify failed"
    "|does not support SSL|root certificate file"
)
_MARIADB = frozenset(
    (
        *(1044, 1045, 1698, 1251, 2059),  # access denied, unknown way of authentication
        *(1049, 1146, 1054),  # unknown database, table, column
        *(1142, 1143, 1227, 1370),  # no right
        *(1129, 1130),  # this host may not connect
    )
)
_MARIADB_VALUES = frozenset((4025, 3819))  # a CHECK of the table, which PyMySQL files elsewhere
_SQLITE = re.compile(
    "SQLITE_(READONLY|CANTOPEN|NOTADB|CORRUPT|PERM|AUTH|SCHEMA|MISMATCH)|no such (table|column)"
    "|has no column named"
)


def outcome_of(error: DBAPIError, where: str) -> Exception:
    """Make an outcome of an error.

    Args:
        error: what SQLAlchemy raised.
        where: the database, for people.

    Returns:
        Reject when the database refuses these values, Unavailable when only a person can mend it,
        otherwise a ConnectionError, after which another attempt is made.
    """
    text = f"{where}: {_words(error)}"
    if _needs_a_person(error):
        return Unavailable(text)
    if isinstance(error, DataError | IntegrityError) or _number(error) in _MARIADB_VALUES:
        return Reject(text)
    return ConnectionError(text)


def _needs_a_person(error: DBAPIError) -> bool:
    original = error.orig
    number = _number(error)
    if number is not None:
        return number in _MARIADB or isinstance(error, ProgrammingError)
    name = getattr(original, "sqlite_errorname", None)
    if isinstance(name, str):
        return bool(_SQLITE.search(f"{name} {original}"))
    code = getattr(original, "sqlstate", None)
    if isinstance(code, str):
        return bool(_POSTGRESQL.fullmatch(code)) or isinstance(error, ProgrammingError)
    return bool(_POSTGRESQL_TEXTS.search(str(original)))


def _number(error: DBAPIError) -> int | None:
    """Return the number of an error of MariaDB or MySQL; None of other databases."""
    arguments = error.orig.args if error.orig is not None else ()
    return arguments[0] if arguments and isinstance(arguments[0], int) else None


def _words(error: DBAPIError) -> str:
    """Return the message of the database, in one line."""
    message = error.orig.args[-1] if error.orig is not None and _number(error) else error.orig
    line = " ".join(str(message).split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
