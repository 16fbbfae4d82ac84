"""The report: a results document as one folder, or one file, of HTML that opens offline.

Data first (`view`), then charts as plain figure dictionaries (`speedups`, `timelines`), then the templates (`page`).
`files` puts all in its place.
"""

from gilscope.report.files import ReportError, check, write
from gilscope.report.headline import headline
from gilscope.report.view import view

__all__ = ["ReportError", "check", "headline", "view", "write"]
