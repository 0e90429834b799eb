"""Leads from a file of rows: text with a separator, whatever its encoding."""

from dibs.intake.connectors.csv.reading import CsvFile
from dibs.intake.connectors.rows import FileRefused, Row

__all__ = ["CsvFile", "FileRefused", "Row"]
