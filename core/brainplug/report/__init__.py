"""The report stage: one self-contained page a strong reviewer can believe."""

from brainplug.report.page import write_report

__all__ = ["write_report"]
