"""Where a secret comes from, as documents say it. The secret itself stands in none."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, structs

from longcase.domain.pipeline import SecretSource
from longcase.texts.faults import Fault, RefusedError, type_name
from longcase.texts.keys import Key, Section
from longcase.texts.kinds import PathText, Text
from longcase.texts.variables import VARIABLE_RULE, VariableName

_RIGHT = '{ file = "…" }, { env = "…" } or { credential = "…" }'
_RIGHT_IN = {
    "file": "a file's path, written in full (~ is not replaced)",
    "env": f"a variable's name, {VARIABLE_RULE}",
    "credential": "a credential's name, without / (for a path write file = …)",
}


class CredentialName(Struct, frozen=True):
    """The name of a credential that systemd hands over: a file's name, never a path."""

    def read(self, value: object) -> str:
        name = Text("a credential's name").read(value)
        if "/" in name or name in {".", ".."}:
            raise RefusedError.expected("a credential's name without /", value)
        return name


class Secret(Struct, frozen=True):
    """Where a secret comes from. What stands there instead is perhaps the secret: no error repeats it."""

    def read(self, value: object) -> SecretSource:
        if not isinstance(value, dict):
            wrong = f"expected {_RIGHT}, found {type_name(value)}; no secret stands in this file"
            raise RefusedError([Fault((), wrong)])
        try:
            values = SECRET.read(value)
        except RefusedError as refused:
            raise RefusedError(_unshown(fault, value) for fault in refused.faults) from None
        if len(values) != 1:
            raise RefusedError.expected(f"exactly one of {_RIGHT}", value)
        return SecretSource(**values)


def _unshown(fault: Fault, table: Mapping[str, Any]) -> Fault:
    name = str(fault.path[0])
    if name not in _RIGHT_IN:
        return fault
    value = table[name]
    wrong = ("another string" if value else "an empty one") if isinstance(value, str) else type_name(value)
    return Fault(fault.path, f"expected {_RIGHT_IN[name]}, found {wrong}")


SECRET = Section(
    (
        Key("file", PathText("a file's path"), None, "A file that holds the secret and nothing else."),
        Key("env", VariableName(reserved=False), None, "An environment variable of the daemon."),
        Key("credential", CredentialName(), None, "A credential of the systemd unit (LoadCredential=)."),
    )
)


def from_folder(source: SecretSource, folder: Path) -> SecretSource:
    """The source with its file's path, if it has one, taken from `folder` on."""
    return structs.replace(source, file=str(folder / source.file)) if source.file else source
