"""Plans, contracts, cards and what stands in them: from productions to nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...diagnostics import Diagnostic, Label, Span
from .. import syntax as s
from .build import STAND_IN, Action, Build, Part, constant, every, first, named, part, refuse_repeats, value_of
from .leaves import annotations_of, dating_of, whole_number

_ITEMS = (s.Billing, s.DatedByLine, s.Charge, s.Fee, s.Include, s.PlanBound)
_PRICES = (s.AtPrice, s.ForPrice, s.FreePrice, s.RefusedPrice)


def _label(parts: Sequence[Any]) -> s.Text | None:
    return parts[1] if len(parts) > 1 and isinstance(parts[1], s.Text) else None


def _plan(build: Build, parts: list[Any], span: Span) -> s.Plan:
    refuse_repeats(build, parts, s.Billing, "`billed`")
    refuse_repeats(build, parts, s.DatedByLine, "`dated by`")
    return s.Plan(
        span=span,
        name=parts[0],
        label=_label(parts),
        dating=dating_of(parts, parts[0].span),
        items=tuple(item for item in parts if isinstance(item, _ITEMS)),
        annotations=annotations_of(build, parts),
    )


def _billing(build: Build, parts: list[Any], span: Span) -> s.Billing:
    from_start = named(parts, "from_start") is not None
    if isinstance(parts[0], str):
        return s.Billing(span=span, unit=s.BillingUnit(parts[0]), from_start=from_start)
    if not parts[1].startswith("month"):
        build.report(
            Diagnostic(
                "RB1001",
                f"bills come every so many months, not {parts[1]}",
                parts[0].span,
                hints=("write `billed every 6 months`, `billed weekly` or `billed daily`",),
            )
        )
    months = whole_number(build, parts[0])
    return s.Billing(span=span, unit=s.BillingUnit.MONTH, months=months, from_start=from_start)


# Charges


def _source(parts: Sequence[Any]) -> s.ChargeSource | None:
    for item in parts:
        if isinstance(item, s.MeterSource | s.AttributeSource | s.AmountSource | s.EachSource):
            return item
    return None


def _each_source(_: Build, parts: list[Any], span: Span) -> s.EachSource:
    return s.EachSource(span=span, event=parts[0], where=value_of(parts, "meter_where"))


def _charge(build: Build, parts: list[Any], span: Span) -> s.Charge:
    for kind, what in ((s.BandMode, "the mode"), (s.Pooling, "`pooled`"), (s.CountedPer, "`counted`")):
        modes = every(parts, kind)
        if len(modes) > 1:
            build.report(Diagnostic("RB1113", f"{what} stands here a second time", parts[0].span))
    for again, words in (("by_fields", "`by`"), ("first_match", "`first match`"), ("prorated", "`prorated by day`")):
        refuse_repeats(build, parts, again, words)
    refuse_repeats(build, parts, s.RoundEachEvent, "`round each event`")
    mode = first(parts, s.BandMode)
    prices = _prices(build, parts)
    _check_band_words(build, parts[0], mode, prices)
    return s.Charge(
        span=span,
        name=parts[0],
        label=_label(parts),
        source=_source(parts),
        by=value_of(parts, "by_fields") or (),
        first_match=named(parts, "first_match") is not None,
        mode=mode,
        pooling=first(parts, s.Pooling),
        counted=first(parts, s.CountedPer),
        prorated=named(parts, "prorated") is not None,
        prices=prices,
        bounds=every(parts, s.ChargeBound),
        includes=every(parts, s.ChargeInclude),
        round_event=first(parts, s.RoundEachEvent),
        when=every(parts, s.When),
        annotations=annotations_of(build, parts),
    )


def _prices(build: Build, parts: Sequence[Any]) -> s.Price | s.BandList | s.Table | s.PricesFrom | None:
    """The one way in which a charge says its prices; a second way is reported."""
    bands = every(parts, s.Band)
    found: list[Any] = [item for item in parts if isinstance(item, (*_PRICES, s.Table, s.PricesFrom))]
    if bands:
        found.append(s.BandList(span=bands[0].span.to(bands[-1].span), bands=bands))
    found.sort(key=lambda node: node.span)
    for then in (item for item in parts if isinstance(item, Part) and item.kind == "then"):
        before = found[0] if found else None
        if isinstance(before, s.PricesFrom):
            found[0] = s.PricesFrom(span=before.span.to(then.span), paths=(*before.paths, then.value))
        else:
            build.report(Diagnostic("RB1112", "`then` names a second file after `prices from`", then.span))
    for again in found[1:]:
        build.report(
            Diagnostic(
                "RB1113",
                "this charge says its price in two ways",
                again.span,
                here="again",
                labels=(Label(found[0].span, "first here"),),
                hints=("keep one: a price, bands, a table or files",),
            )
        )
    return found[0] if found else None


_WORDS_OF_MODE = {
    s.BandMode.GRADUATED: (s.BandWord.FIRST, s.BandWord.NEXT, s.BandWord.ABOVE),
    s.BandMode.VOLUME: (s.BandWord.UP_TO, s.BandWord.BELOW, s.BandWord.ABOVE),
    s.BandMode.STAIRSTEP: (s.BandWord.UP_TO, s.BandWord.BELOW, s.BandWord.ABOVE),
}


def _check_band_words(build: Build, name: s.Name, mode: s.BandMode | None, prices: object) -> None:
    match prices:
        case s.BandList(bands=bands):
            heads = [band.head for band in bands]
        case s.Table(columns=columns):
            heads = [column.head for column in columns if isinstance(column, s.BandColumn)]
        case _:
            return
    if not heads:
        return
    if mode is None:
        if name.text != STAND_IN:
            build.report(_without_mode(name, heads))
        return
    words = _WORDS_OF_MODE[mode]
    for head in heads:
        if head.word not in words:
            graduated = mode is s.BandMode.GRADUATED
            build.report(
                Diagnostic(
                    "RB1115",
                    f"`{head.word.value}` does not fit `{mode.value}`",
                    head.span,
                    hints=(
                        "`graduated` counts widths: `first 10`, `next 40`, `above`"
                        if graduated
                        else f"`{mode.value}` counts totals: `up to 10` or `below 10`, then `above`",
                    ),
                )
            )
            break


def _without_mode(name: s.Name, heads: Sequence[s.BandHead]) -> Diagnostic:
    widths = any(head.word in (s.BandWord.FIRST, s.BandWord.NEXT) for head in heads)
    graduated = "`graduated`: each band at its own rate (`first`, `next`, `above`)"
    volume = "`volume`: the whole quantity at the rate of its band (`up to`, `below`, `above`)"
    stairstep = "`stairstep`: the price of its band (`up to`, `below`, `above`, each `for` an amount)"
    return Diagnostic(
        "RB1102",
        f"the charge `{name.text}` has bands but does not say how they count: graduated, volume or stairstep",
        name.span,
        labels=(Label(heads[0].span, "the first band"),),
        hints=(graduated, volume, stairstep) if widths else (volume, stairstep, graduated),
    )


def _charge_bound(build: Build, parts: list[Any], span: Span) -> s.ChargeBound:
    scope = first(parts, s.BoundScope) or s.BoundScope.WHOLE
    return s.ChargeBound(
        span=span,
        kind=s.BoundKind(parts[0]),
        money=parts[1],
        scope=scope,
        prorated=named(parts, "prorated") is not None,
        annotations=annotations_of(build, parts),
    )


def _charge_include(build: Build, parts: list[Any], span: Span) -> s.ChargeInclude:
    return s.ChargeInclude(span=span, amount=parts[0], annotations=annotations_of(build, parts))


def _round_event(_: Build, parts: list[Any], span: Span) -> s.RoundEachEvent:
    rounding = s.RoundMoney(span=span, unit=first(parts, s.Money), mode=first(parts, s.RoundingMode))
    return s.RoundEachEvent(span=span, rounding=rounding)


# Fees, included quantities, floors and ceilings


def _fee(build: Build, parts: list[Any], span: Span) -> s.Fee:
    for kind, what in (("for", "`for`"), ("when_due", "`in advance` or `in arrears`"), ("trial", "`after`")):
        refuse_repeats(build, parts, kind, what)
    per = value_of(parts, "fee_per")
    return s.Fee(
        span=span,
        name=parts[0],
        label=_label(parts),
        money=_money(parts),
        term=per[-1],
        per_unit=per[0] if len(per) > 1 else None,
        multiplier=value_of(parts, "for"),
        in_advance=bool(value_of(parts, "when_due")),
        proration=first(parts, s.FeeProration) or s.FeeProration.BY_DAY,
        trial=value_of(parts, "trial"),
        when=every(parts, s.When),
        annotations=annotations_of(build, parts),
    )


def _money(parts: Sequence[Any]) -> s.Money:
    money = first(parts, s.Money)
    if money is None:
        raise AssertionError("the grammar promises money here")
    return money


def _include(build: Build, parts: list[Any], span: Span) -> s.Include:
    return s.Include(
        span=span,
        quantity=parts[0],
        meter=parts[1],
        term=value_of(parts, "per_term"),
        prorated=named(parts, "prorated") is not None,
        annotations=annotations_of(build, parts),
    )


def _plan_bound(build: Build, parts: list[Any], span: Span) -> s.PlanBound:
    return s.PlanBound(
        span=span,
        kind=s.BoundKind(parts[0]),
        money=parts[1],
        lines=value_of(parts, "of_names") or (),
        prorated=named(parts, "prorated") is not None,
        annotations=annotations_of(build, parts),
    )


# Contracts and cards


def _contract(build: Build, parts: list[Any], span: Span) -> s.Contract:
    label = _label(parts)
    extends = parts[2] if label else parts[1]
    return s.Contract(
        span=span,
        name=parts[0],
        label=label,
        extends=extends,
        dating=dating_of(parts, extends.span),
        items=tuple(item for item in parts if isinstance(item, s.Remove | s.Replace | s.Add)),
        annotations=annotations_of(build, parts),
    )


def _card(build: Build, parts: list[Any], span: Span) -> s.Card:
    for kind in ("worth", "price", "valid", "pays"):
        refuse_repeats(build, parts, kind, f"`{kind}`")
    pays = named(parts, "pays")
    return s.Card(
        span=span,
        name=parts[0],
        label=_label(parts),
        worth=value_of(parts, "worth"),
        price=value_of(parts, "price"),
        valid=value_of(parts, "valid"),
        pays=value_of(parts, "pays") or (),
        annotations=annotations_of(build, parts),
        pays_span=pays.span if pays is not None else None,
    )


def names(kind: str) -> Action:
    """An action that keeps a list of names."""
    return lambda _, parts, span: Part(kind, span, tuple(parts))


ACTIONS: dict[str, Action] = {
    "plan": _plan,
    "billing": _billing,
    "from_start": part("from_start"),
    "dated_by": lambda _, parts, span: s.DatedByLine(span=span, dated_by=s.DatedBy(f"dated by {parts[0]}")),
    "meter_source": lambda _, parts, span: s.MeterSource(span=span, meter=parts[0]),
    "attribute_source": lambda _, parts, span: s.AttributeSource(span=span, attribute=parts[0]),
    "amount_source": lambda _, parts, span: s.AmountSource(span=span, lines=tuple(parts)),
    "each_source": _each_source,
    "by_fields": names("by_fields"),
    "first_match": part("first_match"),
    "prorated": part("prorated"),
    "price_line": lambda _build, parts, _span: parts[0],
    "prices_line": lambda _build, parts, _span: parts[0],
    "then_line": part("then"),
    "charge": _charge,
    "charge_bound": _charge_bound,
    "bound_scope": lambda _build, parts, _span: s.BoundScope(f"per {parts[0]}"),
    "charge_include": _charge_include,
    "round_event": _round_event,
    "fee": _fee,
    "fee_per": lambda _, parts, span: Part("fee_per", span, tuple(parts)),
    "fee_for": part("for"),
    "in_advance": lambda _build, _parts, span: Part("when_due", span, True),
    "in_arrears": lambda _build, _parts, span: Part("when_due", span, False),
    "prorated_by_second": constant(s.FeeProration.BY_SECOND),
    "prorated_by_day": constant(s.FeeProration.BY_DAY),
    "not_prorated": constant(s.FeeProration.NONE),
    "trial": part("trial"),
    "include": _include,
    "per_term": part("per_term"),
    "plan_bound": _plan_bound,
    "of_names": names("of_names"),
    "contract": _contract,
    "remove": lambda _, parts, span: s.Remove(span=span, name=parts[0]),
    "replace": lambda _, parts, span: s.Replace(span=span, item=parts[0]),
    "add": lambda _, parts, span: s.Add(span=span, item=parts[0]),
    "card": _card,
    "worth": part("worth"),
    "card_price": part("price"),
    "valid": part("valid"),
    "pays": names("pays"),
    "pays_everything": lambda _build, _parts, span: Part("pays", span, ()),
}
