"""The densities of the bearing detector: a row for each feature, a column for each defect, in nats.

Written by `python benchmarks/bearing_detector.py --fit --machines 4000 --seed 1`; not by hand.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from drsn.model.bearing_detector import DEFECTS, FEATURES, Densities

_TABLE: Final = """\
                           outer     inner      ball
bias                     -3.0592   -7.0025   -2.5800
outer_race_1              0.4485   -0.0654   -0.0177
outer_race_2              0.2808    0.0137    0.0691
outer_race_3              0.2213    0.0763    0.0434
outer_race_1/2           -0.0312    0.0125   -0.0208
outer_race_1-            -0.0175   -0.0486   -0.0072
outer_race_1+            -0.1342   -0.0494   -0.0212
outer_race_2-            -0.0814    0.0314    0.0307
outer_race_2+            -0.0203    0.0160    0.0831
outer_race_best           0.3110   -0.1028   -0.1220
outer_race_shaft         -0.5714   -0.2631   -0.1427
outer_race_near          -0.3348    0.7067    0.8284
inner_race_1              0.0461    0.3502    0.0221
inner_race_2              0.0417    0.2411    0.0094
inner_race_3              0.0684    0.0706   -0.0148
inner_race_1/2            0.0002   -0.0726   -0.0055
inner_race_1-            -0.0315    0.1949   -0.0023
inner_race_1+            -0.0029    0.1686   -0.0011
inner_race_2-            -0.0324    0.0724    0.0032
inner_race_2+             0.0457    0.1466    0.0491
inner_race_best          -0.1611    0.1786   -0.0446
inner_race_shaft         -0.1676   -0.2484   -0.1046
inner_race_near           0.1439   -1.1236   -0.0920
ball_1                   -0.0343    0.0026    0.2875
ball_2                   -0.0132    0.0197    0.1334
ball_3                   -0.0705   -0.0739    0.0678
ball_1/2                  0.0045    0.0314    0.0762
ball_1-                  -0.0098   -0.0228    0.2164
ball_1+                  -0.0417   -0.0495    0.2407
ball_2-                   0.0002    0.0148    0.1971
ball_2+                  -0.0389   -0.0550    0.2101
ball_best                 0.1132    0.1305    0.1657
ball_shaft               -0.1067   -0.2406   -0.2897
ball_near                 0.2485   -0.1565   -0.2492
resolution                0.0822   -0.2229   -0.0866
shaft_1                  -0.0970    0.2876   -0.0420
shaft_2                   0.0379    0.1251    0.0752
shaft_3                   0.0584   -0.0033   -0.0564
cage                     -0.0208   -0.0415    0.6691
peaks                    -0.4457   -1.3092   -0.3294
"""

_ROWS: Final = [line.split() for line in _TABLE.splitlines()[1:]]
assert [row[0] for row in _ROWS] == ["bias", *FEATURES], "the table is of other features: fit it again"

DENSITIES: Final = Densities(np.array([row[1 : 1 + len(DEFECTS)] for row in _ROWS], np.float32))
"""Fitted on simulation alone."""
