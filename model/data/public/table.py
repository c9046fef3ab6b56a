"""The table of public data sets."""

from __future__ import annotations

from drsn.model.data.public.cwru import CWRU
from drsn.model.data.public.femto import FEMTO
from drsn.model.data.public.hit_sm import HIT_SM
from drsn.model.data.public.ims import IMS
from drsn.model.data.public.jnu import JNU
from drsn.model.data.public.mafaulda import MAFAULDA
from drsn.model.data.public.mfpt import MFPT
from drsn.model.data.public.ottawa import OTTAWA
from drsn.model.data.public.paderborn import PADERBORN
from drsn.model.data.public.seu import SEU
from drsn.model.data.public.uestc import UESTC
from drsn.model.data.public.xjtu_sy import XJTU_SY

PUBLIC_SETS = {
    each.name: each for each in (CWRU, FEMTO, HIT_SM, IMS, JNU, MAFAULDA, MFPT, OTTAWA, PADERBORN, SEU, UESTC, XJTU_SY)
}
"""By the name that a recipe's `source` takes."""
