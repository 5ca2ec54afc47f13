"""Turns pydantic's errors into sentences for a person who edits a configuration file."""

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence

from pydantic import BaseModel, ValidationError

from incm_webhook.config.annotations import model_of

Location = Sequence[str | int]

# The message for each error type of pydantic. None repeats the value, which may be a secret.
_WANTS = {
    "bool_type": "wants true or false",
    "bool_parsing": "wants true or false",
    "int_type": "wants a whole number",
    "int_parsing": "wants a whole number",
    "int_from_float": "wants a whole number",
    "float_type": "wants a number",
    "float_parsing": "wants a number",
    "string_type": "wants a text in quotes",
    "list_type": "wants a list",
    "tuple_type": "wants a list",
    "dict_type": "wants a table, such as {{ key = value }}",
    "model_type": "wants a table, such as {{ key = value }}",
    "model_attributes_type": "wants a table, such as {{ key = value }}",
    "missing": "is required",
    "greater_than_equal": "wants at least {ge}",
    "greater_than": "wants more than {gt}",
    "less_than_equal": "wants at most {le}",
    "less_than": "wants less than {lt}",
    "finite_number": "wants a finite number",
    "too_short": "wants at least {min_length} items",
    "too_long": "wants at most {max_length} items",
    "string_too_short": "must not be shorter than {min_length} characters",
    "string_too_long": "must not be longer than {max_length} characters",
    "string_pattern_mismatch": "wants a text that fits the pattern {pattern}",
    "path_type": "wants a path in quotes",
    "literal_error": "wants {expected}",
    "enum": "wants {expected}",
}


def nearest(word: str, known: Iterable[str]) -> str:
    """Suggest the known word that was probably meant.

    Args:
        word: the word that was written.
        known: the words that could have been written.

    Returns:
        '; did you mean "retry"?', or '; known are ...' when no word is similar, or "" when there
        are no known words. Words with the same first letter match more easily, because the first
        letter is seldom wrong.
    """
    names = sorted(known)
    folded = {name.lower(): name for name in names}
    begins_so = [name for name in folded if name[:1] == word[:1].lower()]
    close = difflib.get_close_matches(word.lower(), folded, n=1, cutoff=0.75)
    close = close or difflib.get_close_matches(word.lower(), begins_so, n=1, cutoff=0.6)
    if close:
        return f'; did you mean "{folded[close[0]]}"?'
    return f"; known are {', '.join(names)}" if names else ""


def unknown_key(key: str, known: Iterable[str]) -> str:
    """Return the message about an unknown key, with the key that was probably meant."""
    return f'unknown key "{key}"{nearest(key, known)}'


def sentences(
    error: ValidationError,
    model: type[BaseModel],
    place: Callable[[Location], tuple[str, Location]],
) -> list[str]:
    """Describe each error of a validation in a sentence.

    Args:
        error: the error that pydantic raised.
        model: the model whose validation failed.
        place: splits the location of an error into the name of its table ("" for the top level)
            and the location within that table.

    Returns:
        One sentence for each error, in pydantic's order, without the given values.
    """
    return [sentence for _, sentence in located_sentences(error, model, place)]


def located_sentences(
    error: ValidationError,
    model: type[BaseModel],
    place: Callable[[Location], tuple[str, Location]],
) -> Iterator[tuple[Location, str]]:
    """Yield what `sentences` returns, each sentence with the location of its error."""
    details = error.errors(include_url=False, include_input=False)
    for detail in details:
        location = detail["loc"]
        kind = detail["type"]
        if kind == "too_short" and any(len(one["loc"]) > len(location) for one in details):
            continue  # pydantic counts no items that are wrong themselves
        context = detail.get("ctx", {})
        if kind == "extra_forbidden":
            table, inner = place(location[:-1])
            key = str(location[-1])
            what = unknown_key(key, known_keys(model, location[:-1])) + _belongs(
                key, model, location[:-1]
            )
        else:
            table, inner = place(location)
            if kind == "value_error":
                what = str(context["error"])
            elif kind in ("string_too_short", "too_short") and context["min_length"] == 1:
                what = "must not be empty"
            elif kind in _WANTS:
                what = _WANTS[kind].format(**context)
            else:
                what = detail["msg"][:1].lower() + detail["msg"][1:]
        where = " ".join(part for part in (table, dotted(inner)) if part)
        yield location, f"{where}: {what}" if where else what


def _belongs(key: str, model: type[BaseModel], location: Location) -> str:
    """Return a hint where an unknown key belongs: in another table, or in a plugin's config."""
    if not location:
        for table in known_keys(model, ()):
            if key in known_keys(model, (table,)):
                return f'; "{key}" belongs below [{table}], or [[{table}]] if there are several'
    keys = known_keys(model, location)
    if len(location) == 1 and "did you mean" not in nearest(key, keys):
        for table in known_keys(model, ()):
            if key in known_keys(model, (table,)):
                return f'; "{key}" belongs below [{table}]'
    if "config" in keys and "did you mean" not in nearest(key, keys):
        return "; the plugin's own keys belong in config = { ... }"
    return ""


def dotted(location: Location) -> str:
    """Format a location within a table: `retry.first`, `types[2]` (counted from 1)."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part + 1}]"
        else:
            text += f".{part}" if text else part
    return text


def known_keys(model: type[BaseModel], location: Location) -> list[str]:
    """List the keys that a table of a model may have.

    Args:
        model: the model of the whole configuration.
        location: the path from the model to the table; empty for the model itself.

    Returns:
        The keys as they are written in the file: the alias of a field where it has one. The list is
        empty when the path does not lead to a model.
    """
    current: type[BaseModel] | None = model
    for part in location:
        if current is None:
            return []
        if isinstance(part, int):
            continue
        current = next(
            (
                model_of(info.annotation)
                for name, info in current.model_fields.items()
                if part in (name, info.alias)
            ),
            None,
        )
    if current is None:
        return []
    return [info.alias or name for name, info in current.model_fields.items()]
