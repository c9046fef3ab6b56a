"""Internal dimensions of common rolling bearings by designation.

ISO 15 standardises bore, outer diameter and width, not what lies between the rings: number and diameter of the rolling
elements are the maker's choice. What is published stands in `PUBLISHED` with its source. The rest of the common series
is estimated from the boundary dimensions and marked so; docs/trust/bearing-quality.md has the measured error.
"""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from drsn.model.bearing import Bearing


class UnknownBearingError(ValueError):
    """The table has no bearing of this designation."""


@dataclass(frozen=True)
class TableEntry:
    """One bearing of the table."""

    designation: str
    bearing: Bearing
    source: str
    """Where the dimensions come from."""
    estimated: bool = False
    """From the boundary dimensions: the number of rolling elements may be wrong by one."""


TIMKEN: Final = "Timken, Ball Bearing Housed Unit Catalog, table A-9 (frequency coefficients)"
CWRU: Final = "Case Western Reserve University Bearing Data Center"
ESTIMATED: Final = "estimate from the boundary dimensions of ISO 15"

PUBLISHED: Final = {
    "6203": TableEntry("6203", Bearing(8, 6.746, 28.50), f"{CWRU}, fan end"),
    "6205": TableEntry("6205", Bearing(9, 7.94, 39.04), f"{CWRU}, drive end"),
    "6804": TableEntry("6804", Bearing(13, 3.5, 25.6), "FEMTO-ST, PRONOSTIA data set (NSK 6804DD)"),
    "7314": TableEntry("7314", Bearing(12, 25.4, 110.0, 40.0), "blog.csdn.net/wzbd1/article/details/134879441 (NSK)"),
    "UER204": TableEntry("UER204", Bearing(8, 7.92, 34.55), "XJTU-SY data set (LDK UER204)"),
    "ER10K": TableEntry("ER10K", Bearing(8, 7.938, 33.50), "NPTEL 112103024, example 15.2 (MB ER-10K)"),
    "ER16K": TableEntry("ER16K", Bearing(9, 7.938, 38.50), "Curtin University, G. Forbes 2012 (MB ER-16K)"),
    "ZA2115": TableEntry("ZA2115", Bearing(16, 8.4, 71.5, 15.17), "University of Cincinnati, IMS data set (Rexnord)"),
    "NICE": TableEntry("NICE", Bearing(8, 5.969, 31.623), "MFPT Society, bearing fault data set"),
    "22228": TableEntry("22228", Bearing(19, 26.85, 195.0, 10.1), "vibroguard.cz/en/bpfo (SKF 22228, in Hz)"),
}

TIMKEN_ORDERS: Final = {
    "6004": (3.578, 5.422),
    "6006": (4.588, 6.412),
    "6204": (3.052, 4.948),
    "6206": (3.568, 5.432),
    "6207": (3.565, 5.435),
    "6208": (3.547, 5.453),
    "6209": (3.621, 5.379),
    "6210": (4.093, 5.907),
    "6211": (4.078, 5.922),
    "6212": (4.066, 5.934),
    "6213": (4.099, 5.901),
    "6214": (4.104, 5.896),
    "6303": (2.545, 4.455),
    "6304": (2.574, 4.426),
    "6306": (2.574, 4.426),
    "6307": (3.006, 4.994),
    "6308": (3.023, 4.977),
    "6309": (3.037, 4.963),
    "6310": (3.047, 4.953),
    "6311": (3.057, 4.943),
    "6312": (3.064, 4.936),
    "6314": (3.076, 4.924),
    "6315": (3.081, 4.919),
    "6316": (3.086, 4.914),
    "6318": (3.093, 4.907),
}
"""BPFO and BPFI of the ball sets 9100, 200K and 300K, which fit the rings of the series 60, 62 and 63.

Left out: 9105 and 305K, whose rows repeat those of other sizes, and the maximum-capacity sets 318W and up."""

OUTER_MM: Final = {
    "60": (26, 28, 32, 35, 42, 47, 55, 62, 68, 75, 80, 90, 95, 100, 110, 115, 125, 130, 140, 145, 150),
    "62": (30, 32, 35, 40, 47, 52, 62, 72, 80, 85, 90, 100, 110, 120, 125, 130, 140, 150, 160, 170, 180),
    "63": (35, 37, 42, 47, 52, 62, 72, 80, 90, 100, 110, 120, 130, 140, 150, 160, 170, 180, 190, 200, 215),
    "64": (0, 0, 0, 62, 72, 80, 90, 100, 110, 120, 130, 140, 150, 160, 180, 190, 200, 210, 225),
}
"""Series -> outer diameter by bore code 00, 01, ... (ISO 15, diameter series 0, 2, 3, 4); 0: no such size."""

RACEWAYS_MM: Final = {
    "NU2": {
        4: (26.5, 41.5), 5: (31.5, 46.5), 6: (37.5, 55.5), 7: (44.0, 64.0), 8: (49.5, 71.5), 9: (54.5, 76.5),
        10: (59.5, 81.5), 11: (66.0, 90.0), 12: (72.0, 100.0), 13: (78.5, 108.5), 14: (83.5, 113.5), 15: (88.5, 118.5),
        16: (95.3, 127.3), 17: (100.5, 136.5), 18: (107.0, 145.0), 19: (112.5, 154.5), 20: (119.0, 163.0),
    },
    "NU3": {
        4: (27.5, 45.5), 5: (34.0, 54.0), 6: (40.5, 62.5), 7: (46.2, 70.2), 8: (52.0, 80.0), 9: (58.5, 88.5),
        10: (65.0, 97.0), 11: (70.5, 106.5), 12: (77.0, 115.0), 13: (82.5, 124.5), 14: (89.0, 133.0), 15: (95.0, 143.0),
        16: (101.0, 151.0),
    },
}  # fmt: skip
"""Series -> bore code -> diameters of the inner and the outer raceway of the reinforced design (suffix E), as in
makers' catalogues: F of a bearing NU, E of a bearing N. They give roller and pitch; the number is estimated."""

CONRAD_DEG: Final = 196.0
"""Angle between the first and the last ball when a deep groove bearing is filled; the largest of `TIMKEN_ORDERS` but
for 6307 and 6308 (201 and 198)."""

ANGLES_DEG: Final = {"C": 15.0, "AC": 25.0, "A": 30.0, "B": 40.0}
"""Contact angle of an angular contact bearing by the letter behind its number; without one 40, the commonest."""

MAKERS: Final = r"(?:SKF|FAG|INA|NSK|NTN|SNR|KOYO|NACHI|TIMKEN|FAFNIR|ZVL|ZKL|LDK|MB|REXNORD|RHP|NKE|FBJ|TPI|KBC|ASAHI)"
_DESIGNATION = re.compile(
    rf"(?:{MAKERS}[ -]*)?(?P<prefix>NUP|NU|NJ|N|UER|UCP|UCF|UCT|UC|ER|ZA)?[ -]*(?P<number>\d{{2,5}}(?!\d)|NICE)"
    r"(?P<suffix>[-/ A-Z0-9.]*)"
)
_INSERTS = ("UC", "UCP", "UCF", "UCT", "UER")
_ROLLERS = ("N", "NU", "NJ", "NUP")


def lookup(designation: str) -> TableEntry:
    """The bearing of a designation, with or without maker and suffixes: `6205`, `SKF 6205-2RS`, `NU 206 ECP`, `UC204`.

    Raises:
        UnknownBearingError: the table has none; the message has the closest designations.
    """
    name = " ".join(designation.upper().split())
    match = _DESIGNATION.fullmatch(name)
    parts = None if match is None else _Parts(match["prefix"] or "", match["number"], match["suffix"].lstrip("-/ "))
    found = None if parts is None else _found(parts)
    if found is not None:
        return found
    key = name if parts is None else parts.prefix + parts.number
    near = difflib.get_close_matches(key, designations(), n=3, cutoff=0.5)
    hint = f"; the closest are {', '.join(near)}" if near else ""
    raise UnknownBearingError(
        f"{designation[:40]!r} is not in the table{hint}; else give balls, ball_diameter_mm, pitch_diameter_mm and "
        "contact_angle_deg, or the orders bpfo, bpfi, bsf and ftf of the maker"
    )


@cache
def designations() -> tuple[str, ...]:
    """Every designation of the table, without suffixes."""
    estimated = [f"{series}{code:02}" for series, sizes in OUTER_MM.items() for code, mm in enumerate(sizes) if mm]
    angular = [f"{series}{code:02}" for series in ("72", "73") for code in range(len(OUTER_MM["62"]))]
    inserts = [f"UC{series}{code:02}" for series in "23" for code in range(4, 19)]
    rollers = [f"{series}{code:02}" for series, sizes in RACEWAYS_MM.items() for code in sizes]
    spherical = [f"222{code:02}" for code in range(5, len(OUTER_MM["62"]))]
    return tuple(dict.fromkeys([*PUBLISHED, *estimated, *angular, *inserts, *rollers, *spherical]))


@dataclass(frozen=True)
class _Parts:
    """The parts of a designation: `NU`, `206`, `ECP`."""

    prefix: str
    number: str
    suffix: str


def _published(parts: _Parts) -> TableEntry | None:
    if parts.prefix == "ER":  # an insert in inches: its number ends in K
        return PUBLISHED.get(f"ER{parts.number}{parts.suffix[:1]}")
    found = PUBLISHED.get(parts.prefix + parts.number)
    angular = found is not None and found.bearing.contact_angle_deg == ANGLES_DEG["B"]
    return _with_angle(found, parts.suffix) if found is not None and angular else found


def _insert(parts: _Parts) -> TableEntry | None:
    """An insert bearing has the outer ring and the balls of the deep groove bearing of its size."""
    if parts.prefix not in _INSERTS or len(parts.number) != 3 or parts.number[0] not in "23":
        return None
    found = _found(_Parts("", f"6{parts.number}", ""))
    return None if found is None else replace(found, designation=f"UC{parts.number}")


def _timken(parts: _Parts) -> TableEntry | None:
    if parts.prefix or parts.number not in TIMKEN_ORDERS:
        return None
    bpfo, bpfi = TIMKEN_ORDERS[parts.number]
    bore, outer = _boundary_mm(parts.number[:2], parts.number[2:]) or (0.0, 2.0)
    balls, pitch = round(bpfo + bpfi), (bore + outer) / 2
    return TableEntry(parts.number, Bearing(balls, pitch * (bpfi - bpfo) / balls, pitch), TIMKEN)


def _boundary_mm(series: str, code: str) -> tuple[float, float] | None:
    """Bore and outer diameter of a series and a bore code such as `05`; None: there is no such size."""
    sizes = OUTER_MM.get(series, ())
    if len(code) != 2 or int(code) >= len(sizes) or not sizes[int(code)]:
        return None
    bore = {0: 10, 1: 12, 2: 15, 3: 17}.get(int(code), 5 * int(code))
    return bore, sizes[int(code)]


def ball_set(bore_mm: float, outer_mm: float) -> Bearing:
    """Estimate the ball set of a deep groove bearing.

    The share of the section is that of the bearings in `TIMKEN_ORDERS`; the number is what can be filled in (Conrad).
    """
    pitch, section = (bore_mm + outer_mm) / 2, (outer_mm - bore_mm) / 2
    ball = section * (0.59 if section < 17 else 0.635)
    step_deg = 2 * math.degrees(math.asin(ball / pitch))
    return Bearing(1 + int(CONRAD_DEG / step_deg), ball, pitch)


def _deep_groove(parts: _Parts) -> TableEntry | None:
    boundary = None if parts.prefix else _boundary_mm(parts.number[:2], parts.number[2:])
    if boundary is None:
        return None
    return TableEntry(parts.number, ball_set(*boundary), ESTIMATED, estimated=True)


def _angular(parts: _Parts) -> TableEntry | None:
    number = parts.number
    boundary = _boundary_mm(f"6{number[1]}", number[2:]) if not parts.prefix and number[:2] in ("72", "73") else None
    if boundary is None:
        return None
    balls = ball_set(*boundary)
    # The counterbore lets more balls in than the Conrad filling: 88 % of the circle in the NSK 7314.
    fit = int(0.89 * math.pi * balls.pitch_diameter_mm / balls.ball_diameter_mm)
    return _with_angle(TableEntry(number, replace(balls, balls=fit), ESTIMATED, estimated=True), parts.suffix)


def _with_angle(entry: TableEntry, suffix: str) -> TableEntry:
    letter = next((a for a in ("AC", "A", "B", "C") if re.match(rf"{a}(?!\d)", suffix)), "")
    return replace(entry, bearing=replace(entry.bearing, contact_angle_deg=ANGLES_DEG.get(letter, 40.0)))


def _cylindrical(parts: _Parts) -> TableEntry | None:
    if parts.prefix not in _ROLLERS or len(parts.number) != 3:
        return None
    raceways = RACEWAYS_MM.get(f"NU{parts.number[0]}", {}).get(int(parts.number[1:]))
    if raceways is None:
        return None
    inner, outer = raceways
    roller, pitch = (outer - inner) / 2, (outer + inner) / 2
    rollers = round(0.8 * math.pi * pitch / roller)  # a cage takes a fifth of the circle
    source = f"raceway diameters of makers' catalogues; number of rollers: {ESTIMATED}"
    return TableEntry(parts.prefix + parts.number, Bearing(rollers, roller, pitch), source, estimated=True)


def _spherical(parts: _Parts) -> TableEntry | None:
    boundary = _boundary_mm("62", parts.number[3:])  # the same diameter series
    if parts.prefix or parts.number[:3] != "222" or boundary is None:
        return None
    bore, outer = boundary
    roller, pitch = 0.49 * (outer - bore) / 2, (bore + outer) / 2  # both shares and the angle: of the SKF 22228
    bearing = Bearing(round(0.83 * math.pi * pitch / roller), roller, pitch, 10.0)
    return TableEntry(parts.number, bearing, ESTIMATED, estimated=True)


_BUILDERS: Final = (_published, _insert, _timken, _cylindrical, _spherical, _angular, _deep_groove)
"""In the order of trust: what is published comes before what is estimated."""


def _found(parts: _Parts) -> TableEntry | None:
    return next((entry for build in _BUILDERS if (entry := build(parts)) is not None), None)
