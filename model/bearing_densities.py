"""The densities of the bearing detector: a row for each feature, a column for each defect, in nats.

Written by `python benchmarks/bearing_detector.py --fit --machines 3000 --seed 1`; not by hand.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from drsn.model.bearing_detector import DEFECTS, FEATURES, Densities

_TABLE: Final = """\
                           outer     inner      ball
bias                     -2.0539   -5.6852   -2.9393
outer_race_1              0.4251   -0.0094    0.0042
outer_race_2              0.1558    0.0350    0.0162
outer_race_3              0.1145   -0.0387    0.0284
outer_race_1/2           -0.0478    0.0250    0.0353
outer_race_1-            -0.1372   -0.0583    0.0280
outer_race_1+             0.0067    0.0256    0.0479
outer_race_2-            -0.0814   -0.0484   -0.0478
outer_race_2+            -0.0671   -0.0671    0.0223
outer_race_best           0.3993   -0.0876   -0.0830
outer_race_shaft         -0.3869    0.1707    0.0792
outer_race_near          -0.2157    0.1706    0.1868
inner_race_1             -0.0146    0.3234   -0.0228
inner_race_2              0.0057    0.0860    0.0481
inner_race_3             -0.0252    0.0292    0.0315
inner_race_1/2            0.0269   -0.0873   -0.0140
inner_race_1-            -0.0579    0.3018   -0.0460
inner_race_1+            -0.0512    0.2634    0.0148
inner_race_2-            -0.0213    0.0698   -0.0478
inner_race_2+            -0.0077    0.0739    0.0253
inner_race_best          -0.1820    0.1741   -0.0231
inner_race_shaft         -0.2065   -0.5717    0.1311
inner_race_near           0.2204   -1.2108   -0.2214
ball_1                    0.0560    0.0055    0.3550
ball_2                   -0.0225   -0.0476    0.2027
ball_3                   -0.0176   -0.0341    0.0679
ball_1/2                 -0.0390   -0.0985    0.0903
ball_1-                  -0.0882   -0.0726    0.2853
ball_1+                   0.0267    0.0411    0.2059
ball_2-                   0.0110   -0.0090    0.1665
ball_2+                  -0.0216   -0.0673    0.1746
ball_best                -0.0517    0.0720    0.0769
ball_shaft                0.0161    0.0830   -0.2298
ball_near                -0.0977    0.2084   -0.1213
resolution                0.0167   -0.4893   -0.2372
shaft_1                  -0.0512    0.3656   -0.0046
shaft_2                   0.0172    0.1395   -0.0829
shaft_3                   0.0091   -0.1161   -0.0087
cage                      0.0566   -0.0364    0.6367
peaks                    -0.2391   -0.9757   -0.4192
"""

_ROWS: Final = [line.split() for line in _TABLE.splitlines()[1:]]
assert [row[0] for row in _ROWS] == ["bias", *FEATURES], "the table is of other features: fit it again"

DENSITIES: Final = Densities(np.array([row[1 : 1 + len(DEFECTS)] for row in _ROWS], np.float32))
"""Fitted on simulation alone."""
