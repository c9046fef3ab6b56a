"""Reads NI TDMS by npTDMS: channels of one length are the channels of the recording."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from drsn.model.data.content import ANY, Choice, Content, library_missing
from drsn.model.data.readers.arrays import content_of_arrays
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from pathlib import Path


def read_tdms(path: Path, choice: Choice = ANY) -> Content:
    """Read the channels; `wf_increment` gives the rate.

    Raises:
        BadDataError: no channel, channels of several lengths or rates.
        UnavailableError: npTDMS is not installed.
        Exception: npTDMS's own, of many types.
    """
    try:
        from nptdms import TdmsFile  # noqa: PLC0415 (of the extra `files`)
    except ImportError:
        raise library_missing(path, "TDMS", "npTDMS") from None
    file = TdmsFile.read(path)
    channels = [channel for group in file.groups() for channel in group.channels() if len(channel)]
    found = {f"{channel.group_name}/{channel.name}": np.asarray(channel[:]) for channel in channels}
    steps_s = {
        float(channel.properties["wf_increment"]) for channel in channels if channel.properties.get("wf_increment")
    }
    if len(steps_s) > 1:
        raise BadDataError(f"{path}: channels of several rates; export those of one rate into one file")
    return content_of_arrays(path, found, choice, rate_hz=1 / steps_s.pop() if steps_s else None, columns=True)
