"""Variables as documents name them: their names, and tables of them."""

import re
from typing import Any

from msgspec import Struct

from longcase.texts.faults import Fault, Faults, RefusedError, type_name
from longcase.texts.kinds import Kind, Text

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
RESERVED = "LONGCASE_"
"""What begins the variables that Longcase sets itself."""

VARIABLE_RULE = "A-Z a-z 0-9 _, the first no digit"


class VariableName(Struct, frozen=True):
    """The name of a variable. `reserved`: whether Longcase's own are refused."""

    reserved: bool = True

    def read(self, value: object) -> str:
        name = Text("a variable's name").read(value)
        if not VARIABLE.fullmatch(name):
            raise RefusedError([Fault((), f"not a variable's name; right are {VARIABLE_RULE}")])
        if self.reserved and name.startswith(RESERVED):
            raise RefusedError(
                [Fault((), f"{RESERVED} begins what Longcase sets itself; choose another name")]
            )
        return name


class Variables(Struct, frozen=True):
    """A table of variables whose values are all of one kind."""

    what: str
    element: Kind[Any] = Text(may_be_empty=True)
    name: VariableName = VariableName()

    def read(self, value: object) -> dict[str, Any]:
        if not isinstance(value, dict):
            wrong = f"expected {self.what}, found {type_name(value)}"  # perhaps a secret: it is not repeated
            raise RefusedError([Fault((), wrong)])
        faults = Faults()
        variables = {}
        for name, item in value.items():
            if faults.full:
                break
            with faults.under(name):
                variables[self.name.read(name)] = self.element.read(item)
        faults.settle()
        return variables


def is_variable(name: str) -> bool:
    """Whether a job file may name a variable so."""
    return VARIABLE.fullmatch(name) is not None and not name.startswith(RESERVED)
