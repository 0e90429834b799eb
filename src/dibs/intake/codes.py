"""Every code that intake answers with: for a row, a file, a mapping. Codes are for programs and stay; messages are for people."""

from __future__ import annotations

from collections.abc import Mapping

#: A row, or a lead sent by API, that was refused.
ROWS: Mapping[str, str] = {
    "row_short": "The row has fewer fields than the header has columns.",
    "row_long": "The row has more fields than the header has columns; mostly a separator in unquoted text.",
    "row_too_long": "The row is longer than a million characters.",
    "row_unreadable": "The row cannot be told apart into fields.",
    "row_empty": "The row says nothing about a lead.",
    "quote_unclosed": "A quote is opened in this row and never closed, or so late that nothing fits any more.",
    "quote_misplaced": "A quote inside quoted text is not doubled.",
    "field_too_long": "A field is longer than 100,000 characters, or a source's name than 100.",
    "field_unknown": "A lead has no field of this name.",
    "field_type": "The field cannot hold a value of this kind.",
    "attribute_name": "An attribute's name is blank or longer than 100 characters.",
    "attribute_type": "An attribute is neither text, number, yes or no, nor null.",
    "external_id_too_long": "The external id is longer than 200 characters.",
    "external_id_missing": "The row has no external id, so the lead it adds to cannot be found.",
    "lead_unknown": "No lead of this source has this external id, so there is nothing to add to.",
    "lead_not_object": "What was sent is no object of field names and values.",
    "source_missing": "Nobody said where the lead comes from.",
    "nul_byte": "A field holds a NUL byte, which no text has.",
    "wrong_encoding": "A field holds bytes that are not in the encoding it was read with.",
    "payload_unstorable": "What was sent cannot be kept as JSON: a number that is none, or nested too deep.",
}
#: A file that was refused as a whole.
FILES: Mapping[str, str] = {
    "file_missing": "There is no such file.",
    "file_is_folder": "The path names a folder.",
    "file_unreadable": "The file may not be read, or is no ordinary file.",
    "file_too_large": "The file is larger than this installation takes by its pages and its API.",
    "file_empty": "The file has neither a header nor rows.",
    "file_not_text": "The file is an archive, an image, or a spreadsheet of a format other than .xlsx.",
    "workbook_unreadable": "The workbook cannot be read: it is broken, or protected with a password.",
    "workbook_too_large": "The workbook holds more than is read of one: rows, columns, or bytes once unpacked.",
    "sheet_missing": "The workbook has no sheet of the name that was given, or none with rows.",
    "encoding_unknown": "There is no encoding of the name that was given.",
    "wrong_encoding": "The header is not in the encoding that was given.",
    "header_missing": "The first row names no field of a lead: most likely it is data.",
    "header_unreadable": "The header cannot be told apart into columns.",
}
#: A mapping that cannot be used.
MAPPINGS: Mapping[str, str] = {
    "yaml": "The mapping file is not YAML, or more than a mapping file needs.",
    "file_missing": "There is no such mapping file.",
    "file_unreadable": "The mapping file may not be read.",
    "wrong_encoding": "The mapping file is not UTF-8.",
    "empty": "The mapping fills no field.",
    "unknown_field": "The mapping file, or a lead, has no field of this name.",
    "missing_field": "Something that has to be said is left out.",
    "wrong_value": "The value is not of the kind that belongs there.",
    "target_twice": "Two columns fill a field that takes one.",
    "fixed_field": "The field is set when a lead comes and cannot be changed by enriching.",
    "bad_date_format": "The date format is none, or does not hold a whole date.",
    "unknown_timezone": "There is no such time zone.",
    "country_unknown": "The country is no ISO 3166 alpha-2 code.",
    "external_id_missing": "A mapping that enriches has to name the column of the external id.",
    "column_missing": "The file has no column of this name.",
    "header_missing": "The first row names no field of a lead: most likely it is data.",
}
