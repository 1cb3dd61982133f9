"""A schema as the compiler would make it, with a field of every type."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ratebook.engine.quantity import UnitTable
from ratebook.engine.usage import EventSchema, FactSchema, FieldKind, FieldSchema, MeterSchema


@pytest.fixture(scope="session")
def schema() -> FactSchema:
    units = UnitTable().with_count("unit").with_count("CNY money")
    unit, gigabyte, second, money = (units.units[name] for name in ("unit", "GB", "s", "CNY money"))
    region = FieldSchema("region", FieldKind.ONE_OF, ("cn", "eu", "us-east-1"))
    compute = EventSchema(
        "compute.used",
        (
            FieldSchema("units", FieldKind.NUMBER, unit=unit),
            region,
            FieldSchema("cost", FieldKind.MONEY, required=False),
            FieldSchema("note", FieldKind.TEXT, required=False),
            FieldSchema("day", FieldKind.DATE, required=False),
            FieldSchema("spot", FieldKind.YES_NO, required=False, default=False),
        ),
    )
    call = EventSchema(
        "call",
        (FieldSchema("duration", FieldKind.NUMBER, unit=second), FieldSchema("dialled", FieldKind.TEXT)),
        "duration",
    )
    return FactSchema(
        currency="CNY",
        zone="Asia/Shanghai",
        units=units,
        events={"compute.used": compute, "call": call},
        meters={
            "egress": MeterSchema("egress", gigabyte, (region,)),
            "spend": MeterSchema("spend", money, ()),
        },
        attributes={
            "tier": FieldSchema("tier", FieldKind.ONE_OF, ("standard", "gold"), required=False, default="standard"),
            "limit": FieldSchema("limit", FieldKind.NUMBER, unit=unit, required=False, default=Decimal(1000)),
            "country": FieldSchema("country", FieldKind.TEXT, required=False),
            "vat_id": FieldSchema("vat_id", FieldKind.TEXT),
        },
        plans=("payg", "yearly", "acme"),
        cards=("starter",),
    )
