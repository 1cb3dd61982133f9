"""`ratebook usage debit|afford|authorize|settle|cancel …`: usage that is charged as it happens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from ..diagnostics import Diagnostic
from .books import (
    Verb,
    acting_options,
    database_option,
    fail,
    format_option,
    known_account,
    opened,
    parsed_time,
    succeeded,
)
from .console import show_findings
from .listing import show_one, show_rows

if TYPE_CHECKING:
    from ..billing.acting import Acting, Json
    from ..ledger.store import Store

F = TypeVar("F", bound=Callable[..., Any])

_COLUMNS = ("authorization", "account", "event", "field", "units", "held", "expires", "state")


def mount(group: click.Group) -> None:
    """Add the verbs to `ratebook usage`."""
    for command in (debit, afford, authorize, settle, cancel, authorizations, expire_holds):
        group.add_command(command)


def event_options(function: F) -> F:
    """What names an event: account, event and fields as arguments, its time and identity as options."""
    options = [
        click.argument("account"),
        click.argument("event"),
        click.argument("fields", nargs=-1, metavar="FIELD=VALUE…"),
        click.option(
            "--time", "time", metavar="TIME", help="When it was used, RFC 3339; the time of the call otherwise."
        ),
        click.option("--source", default="", metavar="TEXT", help="The source that the id belongs to."),
    ]
    command = function
    for option in reversed(options):
        command = option(command)
    return command


@click.command("debit")
@event_options
@click.option("--id", "event_id", required=True, metavar="ID", help="Names the event for ever: it is charged once.")
@acting_options
@database_option
@format_option
def debit(
    account: str,
    event: str,
    fields: tuple[str, ...],
    time: str | None,
    source: str,
    event_id: str,
    acting: Acting,
    database: str,
    form: str,
) -> None:
    """Charge one EVENT of ACCOUNT now: from prepaid cards, then from the wallet, or not at all."""
    from ..billing.live import debit as charge

    row = _row(account, event, fields, time, source, event_id, acting.now)
    with opened(database) as store:
        _look_at(store, row, fields)
        answer = succeeded(charge(store, acting, row))
    _show_charge(answer, form)


@click.command("afford")
@event_options
@click.option("--field", required=True, metavar="NAME", help="The field whose greatest number is asked for.")
@database_option
@format_option
def afford(
    account: str,
    event: str,
    fields: tuple[str, ...],
    time: str | None,
    source: str,
    field: str,
    database: str,
    form: str,
) -> None:
    """Say how many units of a field of EVENT the cards and the wallet of ACCOUNT still pay for."""
    from ..billing.affording import can_afford

    row = _row(account, event, fields, time, source, "affordable", datetime.now(UTC))
    with opened(database) as store:
        _look_at(store, row, fields)
        answer = succeeded(can_afford(store, row, field))
    show_one({**answer, "units": "no limit" if answer["units"] is None else answer["units"]}, form)


@click.command("authorize")
@event_options
@click.option("--id", "event_id", required=True, metavar="ID", help="The id that the usage will have.")
@click.option("--field", required=True, metavar="NAME", help="The field that the units belong to.")
@click.option("--units", metavar="N", help="How many at most; as many as are affordable otherwise.")
@click.option(
    "--minutes", type=click.IntRange(1), default=15, show_default=True, metavar="N", help="When it expires, from now."
)
@acting_options
@database_option
@format_option
def authorize(
    account: str,
    event: str,
    fields: tuple[str, ...],
    time: str | None,
    source: str,
    event_id: str,
    field: str,
    units: str | None,
    minutes: int,
    acting: Acting,
    database: str,
    form: str,
) -> None:
    """Put money aside for usage of ACCOUNT that is about to happen."""
    from ..billing.authorizations import parse_units
    from ..billing.authorizing import authorize as put_aside

    row = _row(account, event, fields, time, source, event_id, acting.now)
    wanted = None if units is None else succeeded(parse_units(units))
    with opened(database) as store:
        _look_at(store, row, fields)
        answer = succeeded(
            put_aside(store, acting, row, field, units=wanted, expires=acting.now + timedelta(minutes=minutes))
        )
    show_one({**answer, "held": _money(answer["held"], answer["currency"])}, form)


@click.command("settle", cls=Verb)
@click.argument("authorization", type=int)
@click.argument("units")
@click.option("--time", "time", metavar="TIME", help="When it was used, RFC 3339; as it was authorized otherwise.")
@acting_options
@database_option
@format_option
def settle(authorization: int, units: str, time: str | None, acting: Acting, database: str, form: str) -> None:
    """Charge the UNITS that were really used, first from what AUTHORIZATION put aside; the rest is free again."""
    from ..billing.authorizations import parse_units
    from ..billing.authorizing import settle as charge

    used = succeeded(parse_units(units))
    moment = None if time is None else parsed_time(time, "--time")
    with opened(database) as store:
        answer = succeeded(charge(store, acting, authorization, used, time=moment))
    _show_charge(answer, form)


@click.command("cancel")
@click.argument("authorization", type=int)
@acting_options
@database_option
@format_option
def cancel(authorization: int, acting: Acting, database: str, form: str) -> None:
    """Free what AUTHORIZATION put aside: nothing was used."""
    from ..billing.authorizing import cancel as free

    with opened(database) as store:
        answer = succeeded(free(store, acting, authorization))
    show_one({"authorization": answer["authorization"], "account": answer["account"], "state": answer["state"]}, form)


@click.command("authorizations")
@click.option("--account", metavar="ID", help="Only of this account.")
@database_option
@format_option
def authorizations(account: str | None, database: str, form: str) -> None:
    """List authorizations in their order, with what they put aside."""
    from ..billing.authorizations import list_authorizations
    from ..billing.customers import Customer, find_customer

    with opened(database) as store:
        found = store.read(lambda reader: list_authorizations(reader, account=account))
        owners = store.read(
            lambda reader: {name: find_customer(reader, name) for name in {item.account for item in found}}
        )
    rows: list[dict[str, object]] = []
    for item in found:
        owner = owners[item.account]
        assert isinstance(owner, Customer), "authorizations are of accounts that exist"
        rows.append(
            {
                "authorization": item.id,
                "account": item.account,
                "event": item.event.get("event", ""),
                "field": item.field,
                "units": format(item.units, "f"),
                "held": _money(item.amount, owner.currency),
                "expires": item.expires.isoformat(timespec="seconds"),
                "state": item.state,
            }
        )
    show_rows(rows, form, _COLUMNS, empty="Nothing was authorized.")


@click.command("expire-holds")
@acting_options
@database_option
@format_option
def expire_holds(acting: Acting, database: str, form: str) -> None:
    """Free what was put aside by authorizations whose time has passed; for a timer, as often as you like."""
    from ..billing.authorizing import expire_authorizations

    with opened(database) as store:
        answer = succeeded(expire_authorizations(store, acting))
    show_one({"expired": len(answer["expired"])}, form)


def _row(
    account: str,
    event: str,
    fields: tuple[str, ...],
    time: str | None,
    source: str,
    event_id: str,
    now: datetime,
) -> dict[str, object]:
    moment: datetime = now if time is None else parsed_time(time, "--time")
    row: dict[str, object] = {"id": event_id, "account": account, "event": event, "time": moment.isoformat()}
    if source:
        row["source"] = source
    for pair in fields:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            fail(Diagnostic("RB9006", f"“{pair}” is no field", hints=("write FIELD=VALUE, such as units=5",)))
        row[name.strip()] = value
    return row


def _look_at(store: Store, row: Mapping[str, object], fields: tuple[str, ...]) -> None:
    """End the command for an unknown account, and warn of fields that nobody reads."""
    from ..billing.declared import ignored_fields

    account, event = str(row["account"]), str(row["event"])
    known_account(store, account)
    given = [pair.partition("=")[0].strip() for pair in fields]
    show_findings(store.read(lambda reader: ignored_fields(reader, account, event, given)))


def _show_charge(answer: Json, form: str) -> None:
    if not answer["charged"]:
        show_one({"id": answer["id"], "charged": False, "why": "it was added before: the bill charges it"}, form)
        return
    currency = answer["currency"]
    taken = _in_money(answer["taken"], currency)
    lines = _in_money(answer["lines"], currency)
    price = _money(answer["price"], currency)
    if form != "table":
        show_one({**answer, "price": price, "lines": lines, "taken": taken}, form)
        return
    show_one(
        {
            "id": answer["id"],
            "account": answer["account"],
            "price": f"{price} {currency}",
            "for": ", ".join(f"{line['label'] or 'withheld'} {line['amount']}" for line in lines),
            "taken from": ", ".join(f"{item['from']} {item['amount']}" for item in taken),
        },
        form,
    )


def _in_money(rows: object, currency: object) -> list[dict[str, Any]]:
    """Lines or shares with their amounts as texts."""
    return [{**row, "amount": _money(row["amount"], currency)} for row in cast("list[Mapping[str, Any]]", rows)]


def _money(amount: object, currency: object) -> str:
    from ..billing.amounts import unit_of
    from ..money import MoneyUnit

    unit = unit_of(str(currency))
    assert isinstance(unit, MoneyUnit)
    assert isinstance(amount, int)
    return unit.text(amount)
