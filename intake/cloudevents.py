"""The CloudEvents 1.0 envelope. Imports pydantic, so it is imported when the first such object turns up."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .rows import RawRow
from .values import Refusal

Text = Annotated[str, Field(min_length=1)]


class _CloudEvent(BaseModel):
    """What rating needs of an event. The specification leaves out `subject` and `time` at will, rating cannot."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    specversion: Literal["1.0"]
    id: Text
    source: Text
    type: Text
    subject: Text
    time: Any
    data: dict[str, Any] | None = None
    data_base64: None = None


_WAYS_OUT: Final = {
    "specversion": 'write "specversion": "1.0"',
    "id": "give every event of a source its own `id`, a text",
    "source": "write the URI of what sent the event in `source`",
    "type": "write the event's declared name in `type`",
    "subject": "write the account in `subject`",
    "time": "write when it happened in `time`",
    "data": "write the fields as a JSON object in `data`",
    "data_base64": "write the fields as a JSON object in `data`",
}


def unwrap(row: RawRow) -> tuple[RawRow, RawRow] | list[tuple[str, Refusal]]:
    """The envelope in this package's own words and the fields, or what is wrong with the object, by attribute."""
    try:
        event = _CloudEvent.model_validate({name: value for name, value in row.items() if value is not None})
    except ValidationError as error:
        return [_refusal(str(found["loc"][0]), found["type"]) for found in error.errors(include_url=False)]
    envelope: RawRow = {
        "id": event.id,
        "source": event.source,
        "account": event.subject,
        "event": event.type,
        "time": event.time,
    }
    return envelope, event.data or {}


def _refusal(attribute: str, kind: str) -> tuple[str, Refusal]:
    if kind == "missing":
        reason = "a CloudEvents object without it cannot be rated"
    elif attribute == "specversion":
        reason = "only version 1.0 of CloudEvents is read"
    elif attribute == "data_base64":
        reason = "binary data is not read"
    elif attribute == "data":
        reason = "it is not a JSON object"
    else:
        reason = "it is not a text, or an empty one"
    return attribute, Refusal("RB3018", reason, _WAYS_OUT[attribute])
