"""Files as people have them, made small: x and y at 25.6 kHz in the layouts of recorders, spreadsheets and data sets.

The full-size originals are made by the scripts of DRSN_FIELD_DIR where that folder is there.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

N, RATE_HZ = 1024, 25_600
RNG = np.random.default_rng(1)
X, Y = RNG.normal(0, 0.3, N).clip(-0.99, 0.99).round(5), RNG.normal(0, 0.2, N).round(5)
T = np.arange(N) / RATE_HZ
TX, XY = list(zip(T, X, strict=True)), list(zip(X, Y, strict=True))


def comma(value: float) -> str:
    return f"{value:.5f}".replace(".", ",")


def rows(*columns: Iterable[Any], sep: str = ",") -> list[str]:
    return [sep.join(map(str, row)) for row in zip(*columns, strict=True)]


def _times() -> dict[str, list[str]]:
    us = 65_000.0 + np.arange(N) * 39.0625
    late = 980_000.0 + np.arange(N) * 39.0625
    return {
        "iso_time.csv": ["timestamp,x", *(f"2026-01-02 03:04:05.{int(t * 1e6):06d},{x}" for t, x in TX)],
        "iso_zone.csv": ["timestamp,x", *(f"2026-01-02T03:04:05.{int(t * 1e7):07d}Z,{x}" for t, x in TX)],
        "date_and_clock.csv": [
            "date;zeit;x",
            *(f"2026-01-02;3:04:05,{int(t * 1e6):06d};{comma(x)}" for t, x in TX),
        ],
        "epoch_ms.csv": ["timestamp,x", *(f"{1767323045000 + i},{x}" for i, x in enumerate(X))],
        "epoch_us.csv": ["timestamp,x", *(f"{1767323045000000 + i * 40},{x}" for i, x in enumerate(X))],
        "epoch_s.csv": ["timestamp,x", *(f"{1767323045 + t:.6f},{x}" for t, x in TX)],
        "time_ns.csv": ["time_ns,x", *(f"{round(t * 1e9)},{x}" for t, x in TX)],
        "elapsed.csv": ["elapsed_ms,x", *(f"{t * 1e3:.6f},{x}" for t, x in TX)],
        "xvalue.csv": ["X_Value,Acceleration", *(f"{t:.6f},{x}" for t, x in TX)],
        "time_iso_unit.csv": ["Time [s],Ch1 [m/s^2]", *(f"{t:.6f},{x}" for t, x in TX)],
        "comment_percent.csv": ["% created by tool", "% time,x", *(f"{t:.8f},{x}" for t, x in TX)],
        "time_s_de.csv": ["Zeit [s];Beschl. [m/s²]", *(f"{t:.8f};{x}".replace(".", ",") for t, x in TX)],
        "femto.csv": [f"9,39,39,{u:.1f},{x},{y}" for u, x, y in zip(us, X, Y, strict=True)],
        "femto_wrap.csv": [
            f"9,39,{39 + int(u // 1e6)},{u % 1e6:.1f},{x},{y}" for u, x, y in zip(late, X, Y, strict=True)
        ],
        "femto_semicolon.csv": [f"9;39;39;{u:.1f};{x};{y}" for u, x, y in zip(us, X, Y, strict=True)],
        # What must never be taken for seconds, or for a time at all.
        "time_ms_unnamed.csv": ["time,x", *(f"{t * 1e3:.5f},{x}" for t, x in TX)],
        "time_counts.csv": ["time,x", *(f"{i},{x}" for i, x in enumerate(X))],
        "slow_unnamed.csv": ["time,x", *(f"{i / 10:.1f},{x}" for i, x in enumerate(X))],
        "uptime_us.csv": ["t,x", *(f"{1_200_000_000 + i * 39},{x}" for i, x in enumerate(X))],
        "lost_samples.csv": ["time,x", *(f"{t:.8f},{x}" for i, (t, x) in enumerate(TX) if not 700 < i < 720)],
    }


def _layouts() -> dict[str, list[str]]:
    lvm = [
        "LabVIEW Measurement\t",
        "Writer_Version\t2",
        "Separator\tTab",
        "***End_of_Header***\t",
        "\t",
        "Samples\t2048\t",
    ]
    lvm += ["Delta_X\t3.906250E-5\t", "***End_of_Header***\t", "X_Value\tAcceleration\tComment"]
    seu = ["Title\t gearset", "Data points\t2048", "Sampling rate\t5120", "Time\t5", "", "Y unit\tV", "Data\t"]
    scope = ["Record Length,2048,,", "Sample Interval,3.906250e-05,,", "Vertical Units,V,,"]
    return {
        "blank_decimal_comma.txt": [f"{comma(x)}  {comma(y)}" for x, y in XY],
        "quoted_decimal_comma.csv": ['"t","x"', *(f'"{t:.6f}","{x:.5f}"'.replace(".", ",") for t, x in TX)],
        "excel_sep.csv": [
            "sep=;",
            "Time (s);x;y",
            *(r.replace(".", ",") for r in rows((f"{t:.8f}" for t in T), X, Y, sep=";")),
        ],
        "units_row.csv": ["time,x,y", "s,g,g", *rows((f"{t:.8f}" for t in T), X, Y)],
        "units_row_ms.csv": ["time,x,y", "ms,g,g", *rows((f"{t * 1e3:.6f}" for t in T), X, Y)],
        "trailing_sep.csv": [f"{r}," for r in rows(X, Y)],
        "trailing_tab.txt": [f"{r}\t" for r in rows(X, Y, sep="\t")],
        "trailing_sep_head.csv": ["x,y,", *(f"{r}," for r in rows(X, Y))],
        "trailing_semicolon_head.csv": ["x;y;", *(f"{r};" for r in rows(X, Y, sep=";"))],
        "index_first.csv": [",x,y", *rows(range(N), X, Y)],
        "footer.csv": ["x,y", *rows(X, Y), "# end of file"],
        "lvm_like.txt": lvm + [f"{t:.6f}\t{x}" for t, x in TX],
        "seu.csv": seu + [f"{r}\t" for r in rows(X, Y, X, Y, X, Y, X, Y, sep="\t")],
        "hust.xls": ["Channel Name\tSpeed\tX", "Unit\tHz\tg", "", "Data", *(f"{t:.6f}\t20\t{x}" for t, x in TX)],
        "scope.csv": scope + [f",,,{t:.8f},{x}" for t, x in TX],
        "xjtu.csv": ["Horizontal_vibration_signals,Vertical_vibration_signals", *rows(X, Y)],
        "ims_like.39": rows(X, Y, X, Y, sep="\t"),
        "mafaulda.csv": rows(5.0 * (np.arange(N) % 500 < 10), X, Y, X, Y, X, Y, X),
        "oneline.csv": [",".join(map(str, X))],
        "minus_unicode.csv": ["x,y", *(r.replace("-", "\u2212") for r in rows(X, Y))],
        "vertical_tab_pipe.csv": ["x|y", *rows(X, Y, sep="|")],
        "sci_D.txt": [f"{x:.5E}".replace("E", "D") for x in X],
    }


def _commas() -> dict[str, list[str]]:
    whole = RNG.integers(0, 4000, (N, 2)) + 1000
    return {
        "single_decimal_comma.txt": [comma(x) for x in X],
        "single_decimal_comma_head.csv": ["Beschleunigung", *(comma(x) for x in X)],
        "decimal_comma_offset.txt": [f"{2.5 + x / 10:.3f}".replace(".", ",") for x in X],
        "two_counts.txt": rows(*whole.T),
        "two_counts_head.csv": ["x,y", *rows(*whole.T)],
        "decimal_and_delimiter.csv": [f"{comma(x)},{comma(y)}" for x, y in XY],
        "thousands.csv": ["x;y", *(f"{x * 1e4:,.2f};{y * 1e4:,.2f}" for x, y in XY)],
        "thousands_de.csv": [
            "x;y", *(f"{x * 1e4:,.2f};{y * 1e4:,.2f}".translate(str.maketrans(",.", ".,")) for x, y in XY)
        ],
        "thousands_de_int.csv": [
            "x;y", *(f"{int(x * 1e4):,d};{int(y * 1e4):,d}".replace(",", ".") for x, y in XY)
        ],
    }  # fmt: skip


def _damaged() -> dict[str, list[str]]:
    return {
        "nan_cell.csv": ["x,y", *(f"{x},{'NaN' if i == 777 else y}" for i, (x, y) in enumerate(XY))],
        "empty_cell.csv": ["x,y", *(f"{x},{'' if i == 777 else y}" for i, (x, y) in enumerate(XY))],
        "unequal.csv": ["x,y", *(f"{x},{y if i < 800 else ''}" for i, (x, y) in enumerate(XY))],
        "dup_header_mid.csv": ["x,y", *rows(X[:500], Y[:500]), "x,y", *rows(X[500:], Y[500:])],
        "note_in_last.csv": ["x,y,", *(f"{r},{'spike' if i == 5 else ''}" for i, r in enumerate(rows(X, Y)))],
        "words.txt": ["Recorded at the mill", "on Monday"],
        "empty.csv": [],
    }


def make_text(folder: Path) -> None:
    """Text files; every row of `test_files.CASES` of the same name."""
    for name, lines in {**_times(), **_layouts(), **_commas(), **_damaged()}.items():
        (folder / name).write_text("\n".join(lines) + "\n" if lines else "", encoding="utf-8")
    table = rows(X, Y, sep="\t")
    (folder / "utf16_excel.txt").write_bytes("\r\n".join(["x\ty", *table]).encode("utf-16"))
    (folder / "utf16_unmarked.txt").write_bytes("\r\n".join(["x\ty", *table]).encode("utf-16-le"))
    (folder / "bom_utf8.csv").write_bytes("\r\n".join(["x,y", *rows(X, Y)]).encode("utf-8-sig"))
    (folder / "crcr.csv").write_bytes("\r".join(["x,y", *rows(X, Y)]).encode())
    latin = ["Zeit [µs];Beschl. [m/s²]", *(f"{t * 1e6:.4f};{x}".replace(".", ",") for t, x in TX)]
    (folder / "latin1_header.csv").write_bytes("\n".join(latin).encode("latin-1"))


def make_wav(folder: Path) -> None:
    """WAV files as recorders, pipes and DAQ software write them."""
    i16, i32, f32 = (X * 32767).astype("<i2").tobytes(), (X * 2**31).astype("<i4"), X.astype("<f4").tobytes()
    u8 = ((X * 127) + 128).astype("u1").tobytes()
    i24 = np.frombuffer(i32.tobytes(), "u1").reshape(-1, 4)[:, 1:].tobytes()
    put = _wav_writer(folder)
    put("pcm16.wav", _fmt(1, 1, 16), i16)
    put("pcm24.wav", _fmt(1, 1, 24), i24)
    put("pcm8.wav", _fmt(1, 1, 8), u8)
    put("ext24in32.wav", _fmt(0xFFFE, 1, 32, _extension(1, 24)), i32.tobytes())
    put("ext_float.wav", _fmt(0xFFFE, 1, 32, _extension(3, 32)), f32)
    put("ffmpeg_pipe.wav", _fmt(1, 1, 16), i16, size=0xFFFFFFFF, riff=0xFFFFFFFF)
    put("size0_powercut.wav", _fmt(1, 1, 16), i16, size=0, riff=36)
    ds64 = b"ds64" + struct.pack("<IQQQI", 28, len(i16) + 72, len(i16), N, 0)
    put("rf64.wav", _fmt(1, 1, 16), i16, size=0xFFFFFFFF, riff=0xFFFFFFFF, magic=b"RF64", before=ds64)
    put("cut_download.wav", _fmt(1, 1, 16), i16[:1000], size=len(i16))
    put("odd_tail.wav", _fmt(1, 1, 16), i16 + b"\0")
    bext = b"bext" + struct.pack("<I", 602) + bytes(602)
    put("bext_list.wav", _fmt(1, 1, 16), i16, before=bext, after=b"LIST" + struct.pack("<I", 5) + b"INFOx\0")
    put("alaw.wav", _fmt(6, 1, 8), u8)
    put("float_gain.wav", _fmt(3, 1, 32), (X * 300).astype("<f4").tobytes())
    put("eight_ch.wav", _fmt(1, 8, 16), np.repeat((X * 32767).astype("<i2"), 8).tobytes())


def _fmt(kind: int, channels: int, bits: int, extension: bytes = b"") -> bytes:
    frame = channels * bits // 8
    return struct.pack("<HHIIHH", kind, channels, RATE_HZ, RATE_HZ * frame, frame, bits) + extension


def _extension(kind: int, valid: int) -> bytes:
    guid = struct.pack("<H", kind) + bytes.fromhex("000000001000800000aa00389b71")
    return struct.pack("<HHI", 22, valid, 0) + guid


def _wav_writer(folder: Path) -> Callable[..., None]:
    def put(
        name: str, fmt: bytes, data: bytes, size: int | None = None, riff: int | None = None, magic: bytes = b"RIFF",
        before: bytes = b"", after: bytes = b"",
    ) -> None:  # fmt: skip
        body = b"WAVE" + before + b"fmt " + struct.pack("<I", len(fmt)) + fmt
        body += b"data" + struct.pack("<I", len(data) if size is None else size) + data + after
        (folder / name).write_bytes(magic + struct.pack("<I", len(body) if riff is None else riff) + body)

    return put


def make_arrays(folder: Path) -> None:
    """MATLAB and NumPy files in the layouts of public data sets."""
    from scipy.io import savemat

    column = X[:, None]
    signals = np.zeros(3, dtype=[("Name", object), ("Type", object), ("Data", object), ("Raster", object)])
    for number, name in enumerate(("force", "speed", "vibration_1")):
        signals[number] = (name, "x", (X if name == "vibration_1" else Y[:500])[None, :], "HostService")
    mats: dict[str, dict[str, Any]] = {
        "mfpt.mat": {"bearing": {"sr": 97656.0, "gs": column, "load": 270.0, "rate": 25.0}},
        "N15_M07_F10_K001_1.mat": {"N15_M07_F10_K001_1": {"Info": "i", "X": signals[:2], "Y": signals}},
        "ottawa.mat": {"Channel_1": column, "Channel_2": column * 2, "fs": 200000.0},
        "two_plus_tacho.mat": {"AccH": column, "RPM": np.array([[1772.0]]), "t": T[:, None]},
        "fs_upper.mat": {"data": column, "Fs": 25600.0},
        "srate.mat": {"data": column, "SampleRate": 25600.0},
        "segments.mat": {"data": RNG.normal(0, 1, (400, 512)), "fs": 12000.0},
        "labelled.mat": {"X": RNG.normal(0, 1, (40, 512)), "y": np.arange(40)[:, None], "fs": 12000.0},
        "int16.mat": {"data": (column * 1000).astype("i2"), "fs": 12000.0},
        "cell.mat": {"data": np.array([X, X[:100]], dtype=object), "fs": 12000.0},
    }
    for name, content in mats.items():
        savemat(folder / name, content)
    savemat(folder / "v4.mat", {"data": column, "fs": 12000.0}, format="4")
    (folder / "v73.mat").write_bytes(b"MATLAB 7.3 MAT-file, Platform: PCWIN64" + b" " * 90 + b"\x89HDF\r\n\x1a\n")
    (folder / "html.mat").write_bytes(b"<!DOCTYPE html><html>404</html>")
    (folder / "lfs.mat").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    arrays: dict[str, Any] = {
        "fortran.npy": np.asfortranarray(np.stack([X, X])),
        "nx3.npy": np.stack([X, X, X]).T,
        "complex.npy": X + 0j,
        "str.npy": np.array(["1.0", "2.0"]),
        "be.npy": X.astype(">f8"),
        "struct.npy": np.array([(1.0, 2.0)] * 100, dtype=[("t", "f8"), ("x", "f8")]),
        "windows3d.npy": X.reshape(-1, 1, 256),
    }
    for name, array in arrays.items():
        np.save(folder / name, array)
    np.save(folder / "object.npy", np.array([X, X[:10]], dtype=object), allow_pickle=True)
    np.savez(folder / "arr0.npz", X)
    np.savez(folder / "fs.npz", samples=X, fs=25600)
