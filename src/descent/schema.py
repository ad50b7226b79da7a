"""The base of schemas of configurations; an error is one line with the wrong key or value and the nearest right one."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Any, ClassVar, Literal, Self, TypeVar, Union, get_args, get_origin

from omegaconf import DictConfig, OmegaConf
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from descent.errors import UserError, suggestion

KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
"""The name of each type of value in messages."""
LIMITS = (("ge", "from"), ("gt", "above"), ("lt", "below"))
"""The word for each limit of a field in messages, with the attribute that holds the limit."""
MIN_SIMILARITY = 0.8
"""The least similarity, from 0 to 1, of a key of another section that is suggested."""


class Section(BaseModel):
    """Part of a configuration; an integer is accepted as a float, and no other value of a wrong type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    config_groups: ClassVar[tuple[str, ...]] = ()
    """Config groups that have no section of their name in the configuration."""

    @classmethod
    def of(cls, composed: DictConfig) -> Self:
        """The section that a composed configuration resolves to.

        Raises:
            UserError: if a key or a value is wrong.
        """
        return checked(cls, OmegaConf.to_container(composed, resolve=True, throw_on_missing=True))

    def to_dict(self) -> dict[str, Any]:
        """The values that were set."""
        return self.model_dump(by_alias=True, exclude_unset=True)


class Component(Section):
    """A class or a function that Hydra instantiates, with its arguments, which `core.components` checks."""

    model_config = ConfigDict(extra="allow")
    declared: ClassVar[tuple[str, ...]] = ()
    """Keys that describe the component, and are not arguments of its target."""
    target: str = Field(alias="_target_")
    is_partial: bool = Field(False, alias="_partial_")

    def to_call(self) -> dict[str, Any]:
        """Its target and the arguments, as Hydra instantiates them."""
        return {name: value for name, value in self.to_dict().items() if name not in self.declared}

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments: the keys that are not in the schema."""
        return self.model_extra or {}


Checked = TypeVar("Checked", bound=Section)


def checked(schema: type[Checked], values: object) -> Checked:
    """Validate values as a section.

    Raises:
        UserError: if a key or a value is wrong.
    """
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        # A misspelt key is the reason why another is missing.
        fault = min(faults, key=lambda fault: fault["type"] != "extra_forbidden")
        raise UserError(_refusal(schema, values, fault)) from error


def check_keys(schema: type[Section], values: object) -> None:
    """Check the keys of values by a schema; the values may be wrong, or missing.

    Raises:
        UserError: for the first unknown key.
    """
    try:
        schema.model_validate(values)
    except ValidationError as error:
        for fault in error.errors(include_url=False):
            if fault["type"] == "extra_forbidden":
                raise UserError(_refusal(schema, values, fault)) from error


def _refusal(schema: type[Section], values: object, fault: Mapping[str, Any]) -> str:
    keys = [str(key) for key in fault["loc"]]
    named = _named_section(schema, keys)
    if named is not None:
        of_name, depth = named
        inner = _refusal(of_name, _at(values, keys[:depth]), {**fault, "loc": fault["loc"][depth:]})
        return f"{'.'.join(keys[:depth])}.{inner}"
    if fault["type"] == "extra_forbidden":
        return f"{'.'.join(keys)}={_shown(fault['input'])}: {_on_unknown_key(schema, keys)}"
    owner, field = schema, None
    for place, key in enumerate(keys):
        field = _fields(owner)[key]
        section = _section(field)
        if section is None:  # what follows is a place in a list
            keys = keys[: place + 1]
            break
        owner = section
    path = ".".join(keys)
    if fault["type"] == "value_error" and (field is None or _section(field)):  # values contradict each other
        return str(fault["ctx"]["error"])
    assert field is not None, fault
    if fault["type"] == "missing" and len(keys) == len(fault["loc"]):
        return f"{path} is missing: {_advice(path, field, '')}"
    value = _at(values, keys)
    return f"{path}={_shown(value)}: {_advice(path, field, value)}"


def _on_unknown_key(schema: type[Section], keys: Sequence[str]) -> str:
    """The message about an unknown key, with the nearest key of its section, or else of any section."""
    *sections, word = keys
    owner = schema
    for name in sections:
        owner = _section(_fields(owner)[name]) or owner
    prefix = "".join(f"{name}." for name in sections)
    siblings = [*_fields(owner), *owner.config_groups]
    elsewhere = {path.rpartition(".")[2]: path for path in _paths(schema)}
    hint = suggestion(word, siblings, prefix)
    if not get_close_matches(word, siblings, n=1):
        for name in get_close_matches(word, elsewhere, n=1, cutoff=MIN_SIMILARITY):
            hint = f"did you mean {elsewhere[name]!r}?"
    kind = "key" if sections else "key or group"
    return f"there is no {kind} {'.'.join(keys)!r}; {hint}"


def _advice(path: str, field: FieldInfo, value: object) -> str:
    """The advice on what to choose for a field whose value is wrong."""
    kind = next(kind for kind in _kinds(field) if kind is not NoneType)
    if get_origin(kind) is Literal:
        return suggestion(str(value), map(str, get_args(kind)))
    section = _section(field)
    if section:
        return f"it is a section of {', '.join(_fields(section))}"
    bounds = ((word, getattr(bound, name)) for bound in field.metadata for name, word in LIMITS if hasattr(bound, name))
    limits = " and ".join(f"{word} {value}" for word, value in bounds)
    words = field.description or f"{KINDS[kind]} {limits}".rstrip()
    example = f", for example {path}={field.examples[0]}" if field.examples else ""
    return f"choose {words}{example}"


def _fields(schema: type[Section]) -> dict[str, FieldInfo]:
    """The fields of a section by the names that configurations have for them."""
    return {field.alias or name: field for name, field in schema.model_fields.items()}


def _kinds(field: FieldInfo) -> tuple[Any, ...]:
    """The types that a field's value may have."""
    is_union = get_origin(field.annotation) in (Union, UnionType)
    return get_args(field.annotation) if is_union else (field.annotation,)


def _section(field: FieldInfo) -> type[Section] | None:
    """The section that a field is, if it is one."""
    return next((kind for kind in _kinds(field) if isinstance(kind, type) and issubclass(kind, Section)), None)


def _named_section(schema: type[Section], keys: Sequence[str]) -> tuple[type[Section], int] | None:
    """The first section on the way along keys that is one of several by name, and how many keys lead to it."""
    owner = schema
    for depth, key in enumerate(keys[:-2], start=2):
        field = _fields(owner).get(key)
        if field is None:
            return None
        if get_origin(field.annotation) is dict:
            return get_args(field.annotation)[1], depth
        section = _section(field)
        if section is None:
            return None
        owner = section
    return None


def _paths(schema: type[Section], prefix: str = "") -> Iterator[str]:
    """The dotted names of all fields, outer ones last, so that of two of one name the outer counts."""
    for name, field in _fields(schema).items():
        section = _section(field)
        if section:
            yield from _paths(section, f"{prefix}{name}.")
    yield from (prefix + name for name in _fields(schema))


def _at(values: object, keys: Sequence[str]) -> object:
    for key in keys:
        assert isinstance(values, Mapping)
        values = values[key]
    return values


def _shown(value: object) -> str:
    """A value as it is written on the command line, in one line."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return " ".join(str(value).split())
