"""Workbooks written by hand: small ones for what a test says, and such as nobody means well with."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Override PartName="/xl/workbook.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>'
)
_RELS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_STYLES = (
    f'<styleSheet xmlns="{_MAIN}"><numFmts count="1"><numFmt numFmtId="164" formatCode="yyyy-mm-dd hh:mm"/></numFmts>'
    '<cellXfs count="3"><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/></cellXfs></styleSheet>'
)


class Day(float):
    """A cell that is a day, as the number that workbooks keep."""


class Moment(float):
    """A cell that is a moment."""


class Formula(str):
    """A cell that is a formula without a value worked out."""


def column(at: int) -> str:
    """``A`` for 0, ``AB`` for 27."""
    name = ""
    at += 1
    while at:
        at, rest = divmod(at - 1, 26)
        name = chr(65 + rest) + name
    return name


def cell(line: int, at: int, value: Any) -> str:
    """One cell as the sheet holds it."""
    ref = f"{column(at)}{line}"
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return f'<c r="{ref}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, Formula):
        return f'<c r="{ref}"><f>{escape(value)}</f></c>'
    if isinstance(value, int | float):
        style = ' s="1"' if isinstance(value, Day) else ' s="2"' if isinstance(value, Moment) else ""
        return f'<c r="{ref}"{style}><v>{float(value) if style else value}</v></c>'
    return f'<c r="{ref}" t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'


def sheet_of(rows: Sequence[Sequence[Any]], *, first_line: int = 1, first_column: int = 0) -> str:
    """A sheet with these rows."""
    lines = "".join(
        f'<row r="{line}">{"".join(cell(line, at, value) for at, value in enumerate(row, first_column))}</row>'
        for line, row in enumerate(rows, first_line)
    )
    return f'<worksheet xmlns="{_MAIN}"><sheetData>{lines}</sheetData></worksheet>'


def write_workbook(
    path: Path,
    sheets: Mapping[str, Sequence[Sequence[Any]] | str],
    *,
    hidden: Sequence[str] = (),
    more: Mapping[str, str] = {},
) -> Path:
    """A workbook with these sheets, rows or the sheet's own XML; ``more``: further parts of the archive."""
    listed, linked = "", ""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", _TYPES)
        for nth, (name, rows) in enumerate(sheets.items(), 1):
            state = ' state="hidden"' if name in hidden else ""
            listed += f'<sheet name="{escape(name)}" sheetId="{nth}"{state} r:id="rId{nth}"/>'
            linked += f'<Relationship Id="rId{nth}" Type="{_RELS}/worksheet" Target="worksheets/sheet{nth}.xml"/>'
            archive.writestr(f"xl/worksheets/sheet{nth}.xml", rows if isinstance(rows, str) else sheet_of(rows))
        package = "http://schemas.openxmlformats.org/package/2006/relationships"
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{package}"><Relationship Id="rId1" Type="{_RELS}/officeDocument" '
            'Target="xl/workbook.xml"/></Relationships>',
        )
        linked += f'<Relationship Id="rId99" Type="{_RELS}/styles" Target="styles.xml"/>'
        archive.writestr(
            "xl/workbook.xml", f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELS}"><sheets>{listed}</sheets></workbook>'
        )
        archive.writestr("xl/styles.xml", _STYLES)
        archive.writestr("xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{package}">{linked}</Relationships>')
        for name, text in more.items():
            archive.writestr(name, text)
    return path
