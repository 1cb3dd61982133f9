"""Frozen value classes that cost next to nothing to define.

A `Record` behaves as a class under `@dataclass(frozen=True, slots=True)`: fields from annotations, defaults, equality
and hash by value, a readable repr, `match` by position, `dataclasses.replace` and `dataclasses.fields`. The difference
is when the work is done: `dataclass` writes and compiles half a dozen functions for each class when its module is
imported, some 0.6 ms a class, and the language has two hundred kinds of nodes and operations, so that `ratebook check`
would spend a third of its time on them. A `Record` reads its fields once and has its methods in the base class; making
an instance is slower in turn, until there are so many of a class that it gets an `__init__` of its own after all. What
is made by the million (usage events, slices, steps) stays a dataclass.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import MISSING, Field, FrozenInstanceError, field
from itertools import repeat
from operator import attrgetter
from typing import Any, ClassVar, NoReturn, dataclass_transform

__all__ = ["Record", "field"]


_MANY = 100
"""So many instances of a class are worth an `__init__` of its own."""


class _LazyFields:
    """`__dataclass_fields__`, made when `dataclasses` asks for it."""

    def __get__(self, instance: object, owner: type[Record]) -> dict[str, Field[Any]]:
        found = owner.__dict__.get("_dataclass_fields")
        if found is None:
            found = {name: _as_field(owner, name) for name in owner._names}
            type.__setattr__(owner, "_dataclass_fields", found)
        return found


def _as_field(owner: type[Record], name: str) -> Field[Any]:
    made: Field[Any] = field(
        default=owner._defaults.get(name, MISSING),
        default_factory=owner._factories.get(name, MISSING),
        compare=name in owner._compared,
        repr=name in owner._shown,
        kw_only=name in owner._keyword_only,
    )
    made.name = name
    made.type = owner._types[name]
    made._field_type = dataclasses._FIELD  # type: ignore[attr-defined]
    return made


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
class _RecordType(type):
    """Reads the annotations of a class into fields and slots."""

    _put: dict[str, Callable[[Any, Any], None]]
    _checks: bool
    _countdown: Iterator[int]
    _key: Callable[[Any], Any]
    _state: Callable[[Any], tuple[Any, ...]]
    __post_init__: Callable[[Any], None]

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> _RecordType:
        inherited = [base for base in bases if isinstance(base, _RecordType)]
        types: dict[str, Any] = {}
        tables: dict[str, dict[str, Any]] = {"_defaults": {}, "_factories": {}}
        sets: dict[str, set[str]] = {"_keyword_only": set(), "_uncompared": set(), "_hidden": set()}
        for base in inherited:
            types.update(base.__dict__.get("_types", {}))
            for key in tables:
                tables[key].update(base.__dict__.get(key, {}))
            for key in sets:
                sets[key] |= base.__dict__.get(key, set())
        own = {
            key: value for key, value in namespace.get("__annotations__", {}).items() if "ClassVar" not in str(value)
        }
        for key in own:
            _read_field(key, namespace, tables, sets)
        types.update(own)
        names = tuple(types)
        positional = tuple(key for key in names if key not in sets["_keyword_only"])
        namespace.update(
            __slots__=tuple(own),
            __match_args__=positional,
            _types=types,
            _names=names,
            _positional=positional,
            _compared=tuple(key for key in names if key not in sets["_uncompared"]),
            _shown=tuple(key for key in names if key not in sets["_hidden"]),
            **tables,
            **{key: frozenset(value) for key, value in sets.items()},
        )
        made = super().__new__(mcs, name, bases, namespace)
        # The slots' own setters: quicker than `object.__setattr__`, and past the refusal of this class's.
        made._put = {key: getattr(made, key).__set__ for key in names}
        if inherited:
            # Its own from the beginning, so that none is inherited that was written for another class.
            made.__init__ = Record.__init__  # type: ignore[misc]
        made._countdown = iter(range(_MANY))
        made._key, made._state = _reader(namespace["_compared"]), _reader(names)
        made._checks = bool(inherited) and made.__post_init__ is not Record.__post_init__
        return made


def _reader(names: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    """Reads the values of these fields of an instance."""
    if len(names) > 1:
        return attrgetter(*names)
    # A static method, for a function as a class's attribute would take the instance twice.
    return staticmethod(lambda instance: tuple(getattr(instance, name) for name in names))


def _write_init(owner: type[Record]) -> None:
    """Give a class an `__init__` for just its fields, which does the same in a fifth of the time."""
    positional = [name for name in owner._names if name not in owner._keyword_only]
    named = [name for name in owner._names if name in owner._keyword_only]
    known: dict[str, Any] = {"_MISSING": MISSING}
    lines = []
    for name in owner._names:
        known[f"_put_{name}"] = owner._put[name]
        value = name
        if name in owner._defaults:
            known[f"_default_{name}"] = owner._defaults[name]
        elif name in owner._factories:
            known[f"_default_{name}"], known[f"_make_{name}"] = MISSING, owner._factories[name]
            value = f"_make_{name}() if {name} is _MISSING else {name}"
        lines.append(f"  _put_{name}(self, {value})")
    if owner._checks:
        lines.append("  self.__post_init__()")

    def parameter(name: str) -> str:
        return f"{name}=_default_{name}" if f"_default_{name}" in known else name

    required = [name for name in positional if f"_default_{name}" not in known]
    if positional[: len(required)] != required:
        # Python has no such parameters, one without a default after one with.
        owner._countdown = repeat(0)
        return
    parameters = ["self", *map(parameter, positional), *(["*", *map(parameter, named)] if named else [])]
    written = f"def __init__({', '.join(parameters)}):\n" + "\n".join(lines or ["  pass"])
    made: dict[str, Any] = {}
    exec(written, known, made)
    owner.__init__ = made["__init__"]  # type: ignore[method-assign]


def _read_field(
    key: str, namespace: dict[str, Any], tables: dict[str, dict[str, Any]], sets: dict[str, set[str]]
) -> None:
    if key not in namespace:
        return
    given = namespace.pop(key)
    if not isinstance(given, Field):
        tables["_defaults"][key] = given
        return
    if given.default is not MISSING:
        tables["_defaults"][key] = given.default
    if given.default_factory is not MISSING:
        tables["_factories"][key] = given.default_factory
    if given.kw_only is True:
        sets["_keyword_only"].add(key)
    if not given.compare:
        sets["_uncompared"].add(key)
    if not given.repr:
        sets["_hidden"].add(key)


class Record(metaclass=_RecordType):
    """The base of frozen value classes; see the module."""

    __slots__ = ()
    _types: ClassVar[dict[str, Any]]
    _names: ClassVar[tuple[str, ...]]
    _positional: ClassVar[tuple[str, ...]]
    _put: ClassVar[dict[str, Callable[[Any, Any], None]]]
    _compared: ClassVar[tuple[str, ...]]
    _shown: ClassVar[tuple[str, ...]]
    _defaults: ClassVar[dict[str, Any]]
    _factories: ClassVar[dict[str, Any]]
    _keyword_only: ClassVar[frozenset[str]]
    _checks: ClassVar[bool]
    _countdown: ClassVar[Iterator[int]]
    _key: ClassVar[Callable[[Any], Any]]
    _state: ClassVar[Callable[[Any], tuple[Any, ...]]]
    __dataclass_fields__: ClassVar[Any] = _LazyFields()

    def __init__(self, *values: Any, **named: Any) -> None:
        if next(self._countdown, None) is None:
            _write_init(type(self))
        put = self._put
        positional = self._positional
        if len(values) > len(positional):
            raise TypeError(f"{type(self).__name__} takes {len(positional)} values by position, not {len(values)}")
        for name, value in zip(positional, values, strict=False):
            put[name](self, value)
        for name, value in named.items():
            if name not in put or name in positional[: len(values)]:
                raise TypeError(f"{type(self).__name__} has no {name}, or got it twice")
            put[name](self, value)
        if len(values) + len(named) != len(self._names):
            self._fill({*positional[: len(values)], *named})
        if self._checks:
            self.__post_init__()

    def __post_init__(self) -> None:
        """What a class says here is checked when an instance is made, as in a dataclass."""

    def _fill(self, given: set[str]) -> None:
        for name in self._names:
            if name in given:
                continue
            if name in self._defaults:
                self._put[name](self, self._defaults[name])
            elif name in self._factories:
                self._put[name](self, self._factories[name]())
            else:
                raise TypeError(f"{type(self).__name__} needs {name}")

    def __eq__(self, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return bool(type(self)._key(self) == type(self)._key(other))

    def __hash__(self) -> int:
        return hash((self.__class__, type(self)._key(self)))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._shown)
        return f"{type(self).__name__}({shown})"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> NoReturn:
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    def __getstate__(self) -> tuple[Any, ...]:
        return type(self)._state(self)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        for put, value in zip(self._put.values(), state, strict=True):
            put(self, value)
