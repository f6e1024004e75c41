"""Values in the form in which people read them. The page's modules say the same in `static/readable.js`."""

from datetime import UTC, datetime

UNKNOWN = "–"

_MINUTE, _HOUR, _DAY = 60.0, 3_600.0, 86_400.0
_FEW, _MANY = 10.0, 1_000.0
_LEAST_RATE = 0.01


def percent(share: float | None) -> str:
    """Return a probability in whole percent; what is neither impossible nor certain never reads 0 or 100.

    >>> percent(0.934), percent(0.9999), percent(0.001), percent(None)
    ('93 %', '99 %', '1 %', '–')
    """
    if share is None:
        return UNKNOWN
    rounded = round(share * 100)
    if 0 < share < 1:
        rounded = min(max(rounded, 1), 99)
    return f"{rounded} %"


def money(amount: str) -> str:
    """Return an exact amount with its thousands set apart.

    >>> money("1234567.80")
    '1,234,567.80'
    """
    whole, point, rest = amount.partition(".")
    return f"{int(whole):,}{point}{rest}"


def number(value: float | None) -> str:
    """Return a count or a rate with as many digits as say something.

    >>> number(0), number(0.042), number(3.44), number(214.2), number(12_400)
    ('0', '0.04', '3.4', '214', '12,400')
    """
    if value is None:
        return UNKNOWN
    if value == 0 or value >= _FEW:
        return f"{value:,.0f}"
    if value < _LEAST_RATE:
        return "< 0.01"
    return f"{value:.2f}" if value < 1 else f"{value:.1f}".removesuffix(".0")


def duration(seconds: float | None) -> str:
    """Return a length of time in its largest fitting unit.

    >>> duration(0), duration(0.0061), duration(1.24), duration(75), duration(9_000)
    ('0 s', '6 ms', '1.2 s', '1 min', '2.5 h')
    """
    if seconds is None:
        return UNKNOWN
    if seconds == 0:
        return "0 s"
    if seconds < 1:
        thousandths = seconds * _MANY
        return "< 1 ms" if thousandths < 1 else f"{thousandths:.0f} ms"
    for limit, divisor, unit in ((_MINUTE, 1.0, "s"), (_HOUR, _MINUTE, "min"), (_DAY, _HOUR, "h")):
        if seconds < limit:
            value = seconds / divisor
            return (
                f"{value:.1f}".removesuffix(".0") + f" {unit}"
                if value < _FEW and unit != "min"
                else (f"{int(value)} {unit}")
            )
    return f"{int(seconds / _DAY)} d"


def size(count: float | None) -> str:
    """Return bytes in MiB, or GiB where they are many.

    >>> size(190_840_832), size(3_221_225_472)
    ('182 MiB', '3.0 GiB')
    """
    if count is None:
        return UNKNOWN
    mebibytes = count / 2**20
    return f"{mebibytes:,.0f} MiB" if mebibytes < _MANY else f"{mebibytes / 1024:.1f} GiB"


def moment(text: str) -> str:
    """Return an RFC 3339 time as it is read, in UTC; the page's module puts the reader's own zone in its place.

    >>> moment("2026-11-23T19:00:00.123456+01:00")
    '2026-11-23 18:00:00 UTC'
    """
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
