"""The densities of the bearing detector: a row for each feature, a column for each defect, in nats.

Written by `python benchmarks/bearing_detector.py --fit --machines 2000 --seed 1`; not by hand.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from drsn.model.bearing_detector import DEFECTS, FEATURES, Densities

_TABLE: Final = """\
                           outer     inner      ball
bias                     -2.4914   -3.8925   -2.7390
outer_race_1              0.4264    0.0074   -0.0087
outer_race_2              0.2684   -0.0214   -0.0150
outer_race_3              0.1822   -0.0215   -0.0286
outer_race_1/2           -0.0926   -0.0434    0.0138
outer_race_1-            -0.0715   -0.0369   -0.0069
outer_race_1+            -0.0489   -0.0467   -0.0142
outer_race_2-            -0.0635    0.0323    0.0035
outer_race_2+            -0.1264   -0.0616   -0.0406
outer_race_best           0.2094   -0.0344   -0.0665
outer_race_shaft         -0.1988   -0.0811   -0.1269
outer_race_near          -0.7139    0.1651   -0.0246
inner_race_1             -0.0725    0.2457   -0.0294
inner_race_2              0.0034    0.0930   -0.0541
inner_race_3             -0.0824    0.0784   -0.0292
inner_race_1/2            0.0199   -0.1176    0.0644
inner_race_1-             0.0053    0.2557    0.0162
inner_race_1+            -0.0049    0.2613    0.0064
inner_race_2-            -0.0542    0.1118   -0.0203
inner_race_2+            -0.0347    0.0973   -0.0103
inner_race_best          -0.0857    0.0578   -0.0615
inner_race_shaft         -0.0880   -0.3201    0.0335
inner_race_near          -0.1981   -0.7404   -0.2984
ball_1                    0.0197   -0.0034    0.2238
ball_2                   -0.0526   -0.0399    0.0875
ball_3                   -0.0328   -0.0761    0.0403
ball_1/2                 -0.0867   -0.1139    0.0301
ball_1-                   0.0765    0.0528    0.3164
ball_1+                   0.1081    0.1500    0.2932
ball_2-                  -0.0173   -0.0308    0.1817
ball_2+                   0.0483    0.0021    0.2170
ball_best                -0.0063   -0.0009    0.1080
ball_shaft               -0.0225   -0.1847   -0.0668
ball_near                 0.3249    0.3086   -0.0893
resolution               -0.0534   -0.0947   -0.1422
shaft_1                   0.0881    0.2526    0.0473
shaft_2                  -0.0364    0.0641   -0.0560
shaft_3                   0.0145    0.0338   -0.0171
cage                      0.2138    0.1025    0.5028
peaks                    -0.3295   -0.6792   -0.4503
"""

_ROWS: Final = [line.split() for line in _TABLE.splitlines()[1:]]
assert [row[0] for row in _ROWS] == ["bias", *FEATURES], "the table is of other features: fit it again"

DENSITIES: Final = Densities(np.array([row[1 : 1 + len(DEFECTS)] for row in _ROWS], np.float32))
"""Fitted on simulation alone."""
