"""The JSON Schema of job files, made of the same tables of keys that read them.

It never refuses what is right, and says as much of what is wrong as a schema can. It keeps to draft 7's words
and needs no `$ref`: editors know those of later drafts in part, and show no description beside a reference.
"""

from functools import singledispatch
from typing import Any

from longcase.domain.pipeline import NAME, TO_CALLS, TO_COMMANDS, Passing
from longcase.texts.address import EXAMPLE
from longcase.texts.job_keys import FILE, Tasks
from longcase.texts.job_kinds import (
    EDGE,
    Arguments,
    CommandLine,
    CronLine,
    Edge,
    KeywordArguments,
    Parameter,
    Target,
    Timezone,
)
from longcase.texts.keys import Key, Section
from longcase.texts.kinds import (
    Address,
    Choice,
    Duration,
    Flag,
    ListOf,
    Number,
    OneOrMore,
    PathText,
    Size,
    Text,
    Whole,
)
from longcase.texts.secret_kind import SECRET, CredentialName, Secret
from longcase.texts.units import parse_duration, parse_size
from longcase.texts.variables import RESERVED, VARIABLE, VariableName, Variables

Schema = dict[str, Any]

# Identifiers have letters of any script, which no portable expression can name: it names what is none.
_NO_LETTER = r"\s!-/:-@\[-^`{-~"
_IDENTIFIER = rf"[^{_NO_LETTER}\d][^{_NO_LETTER}]*"
_DOTTED = rf"{_IDENTIFIER}(?:\.{_IDENTIFIER})*"
_FILE = r"(?:[^~\\/]|[^~\\][^\\]*[^\\/])\.py"
_DURATION = "^(?:[0-9]+d)?(?:[0-9]+h)?(?:[0-9]+m)?(?:[0-9]+s)?$"
_LONGEST_ADDRESS = 254


def job_schema() -> Schema:
    """The JSON Schema (draft 2020-12) of a job file, as values that JSON can spell."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A job file of Longcase",
        "description": "A pipeline: a graph of tasks, and when it runs. It is named after the file.",
        **schema_of(FILE),
        "required": ["tasks"],
    }


@singledispatch
def schema_of(kind: object) -> Schema:
    """What a kind takes. Raises TypeError for one that has no schema here."""
    raise TypeError(f"{type(kind).__name__} has no JSON Schema yet: register one in {__name__}")


@schema_of.register
def _section(kind: Section) -> Schema:
    properties = {key.name: _property(key) for key in kind.keys}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _property(key: Key) -> Schema:
    default = {} if key.default is None else {"default": key.default}
    return {"description": key.help, **schema_of(key.kind), **default}


@schema_of.register
def _tasks(kind: Tasks) -> Schema:
    task = {**schema_of(kind.table), "if": {"required": ["call"]}, "then": _CALLABLE, "else": _COMMAND}
    return {
        "type": "object",
        "patternProperties": {_whole(NAME.pattern): task},
        "additionalProperties": False,
        "minProperties": 1,
    }


def _takes(passing: frozenset[Passing]) -> Schema:
    """Dependencies whose result is passed in one of these ways, if in any."""
    return {"items": {"properties": {"pass": {"enum": sorted(passing)}}}}


_CALLABLE = {"properties": {"run": False, "result": False, "depends_on": _takes(TO_CALLS)}}
_COMMAND = {
    "required": ["run"],
    "properties": {"args": False, "kwargs": False, "depends_on": _takes(TO_COMMANDS)},
}


@schema_of.register
def _edge(_: Edge) -> Schema:
    name_of_env = {"properties": {"as": schema_of(VariableName())}}
    name_of_kwarg = {"properties": {"pass": {"const": Passing.KWARG}, "as": schema_of(Parameter())}}
    named = {
        "required": ["pass"],
        "if": {"properties": {"pass": {"const": Passing.ENV}}},
        "then": name_of_env,
        "else": name_of_kwarg,
    }
    table = {**schema_of(EDGE), "required": ["task"], "if": {"required": ["as"]}, "then": named}
    return {"anyOf": [schema_of(Text()), table]}


@schema_of.register
def _flag(_: Flag) -> Schema:
    return {"type": "boolean"}


@schema_of.register
def _text(kind: Text) -> Schema:
    return {"type": "string"} if kind.may_be_empty else {"type": "string", "minLength": 1}


@schema_of.register
def _address(_: Address) -> Schema:
    pattern = _whole(r"[^@\s]+@[^@\s]+")
    return {"type": "string", "pattern": pattern, "maxLength": _LONGEST_ADDRESS, "examples": [EXAMPLE]}


@schema_of.register
def _path(kind: PathText) -> Schema:
    return {"type": "string", "pattern": "^/" if kind.absolute else "^[^~]"}


@schema_of.register
def _whole_number(kind: Whole) -> Schema:
    return {"type": "integer", "minimum": kind.minimum, "maximum": kind.maximum}


@schema_of.register
def _number(kind: Number) -> Schema:
    most = {} if kind.maximum is None else {"maximum": kind.maximum}
    return {"type": "number", "minimum": kind.minimum, **most}


@schema_of.register
def _duration(kind: Duration) -> Schema:
    zero = {"type": "string", "pattern": "^[^1-9]*$"}
    limits = {"minimum": 0} if kind.may_be_zero else {"exclusiveMinimum": 0, "not": zero}
    return {
        "type": ["string", "number"],
        "pattern": _DURATION,
        "minLength": 1,
        **limits,
        "maximum": parse_duration("36525d").total_seconds(),
        "examples": ["90s", "15m", "2h", "1d", "1h30m", 90],
    }


@schema_of.register
def _size(kind: Size) -> Schema:
    return {
        "type": ["string", "integer"],
        "pattern": "^[0-9]+[KMGT]$",
        "minimum": parse_size(kind.minimum),
        "examples": ["512K", "20M", "2G"],
    }


@schema_of.register
def _choice(kind: Choice) -> Schema:
    return {"type": "string", "enum": [str(option) for option in kind.options]}


@schema_of.register
def _list(kind: ListOf) -> Schema:
    least = {} if kind.may_be_empty else {"minItems": 1}
    return {"type": "array", "items": schema_of(kind.element), **least}


@schema_of.register
def _one_or_more(kind: OneOrMore) -> Schema:
    element = schema_of(kind.element)
    return {"anyOf": [element, {"type": "array", "items": element}]}


@schema_of.register
def _cron_line(_: CronLine) -> Schema:
    fields = r"\s*(?:@[A-Za-z]+|\S+(?:\s+\S+){4,5})\s*"
    return {"type": "string", "pattern": _whole(fields), "examples": ["30 2 * * *", "*/15 * * * *", "@daily"]}


@schema_of.register
def _timezone(_: Timezone) -> Schema:
    part = "[A-Za-z0-9_+-]+"
    return {"type": "string", "pattern": _whole(f"{part}(?:/{part})*"), "examples": ["Europe/Berlin", "UTC"]}


@schema_of.register
def _target(_: Target) -> Schema:
    return {
        "type": "string",
        "pattern": _whole(f"(?:{_FILE}|{_DOTTED}):{_DOTTED}"),
        "not": {"pattern": "^[A-Za-z][A-Za-z0-9+.-]*:/"},
        "examples": ["etl.users:fetch", "/opt/etl/users.py:fetch"],
    }


@schema_of.register
def _command_line(_: CommandLine) -> Schema:
    words = {"type": "array", "items": schema_of(Text(may_be_empty=True)), "minItems": 1}
    return {"anyOf": [{"type": "string", "pattern": r"\S"}, words]}


@schema_of.register
def _arguments(_: Arguments) -> Schema:
    return {"type": "array"}


@schema_of.register
def _keyword_arguments(_: KeywordArguments) -> Schema:
    return {"type": "object"}


@schema_of.register
def _parameter(_: Parameter) -> Schema:
    return {"type": "string", "pattern": _whole(_IDENTIFIER)}


@schema_of.register
def _variable_name(kind: VariableName) -> Schema:
    reserved = {"not": {"pattern": f"^{RESERVED}"}} if kind.reserved else {}
    return {"type": "string", "pattern": _whole(VARIABLE.pattern), **reserved}


@schema_of.register
def _variables(kind: Variables) -> Schema:
    return {
        "type": "object",
        "propertyNames": schema_of(kind.name),
        "additionalProperties": schema_of(kind.element),
    }


@schema_of.register
def _credential_name(_: CredentialName) -> Schema:
    return {"type": "string", "pattern": _whole("[^/]+"), "not": {"enum": [".", ".."]}}


@schema_of.register
def _secret(_: Secret) -> Schema:
    return {**schema_of(SECRET), "minProperties": 1, "maxProperties": 1}


def _whole(pattern: str) -> str:
    """A pattern for the whole of a string: JSON Schema looks for it anywhere in one."""
    return f"^(?:{pattern})$"
