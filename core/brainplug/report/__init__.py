"""The report stage: one self-contained page a strong reviewer can believe."""

from brainplug.report.facts import Sources
from brainplug.report.page import write_report

__all__ = ["Sources", "write_report"]
