"""The report: a results document as one folder, or one file, of HTML that opens offline.

Data first (`data`), then charts as plain figure dictionaries (`charts`), then the templates (`page`).
`files` puts all in its place.
"""

from gilscope.report.data import headline
from gilscope.report.files import ReportError, check, write

__all__ = ["ReportError", "check", "headline", "write"]
