"""The report stage: one self-contained page a strong reviewer can believe, and a model card."""

from brainplug.report.card import write_card
from brainplug.report.facts import Sources
from brainplug.report.page import write_report

__all__ = ["Sources", "write_card", "write_report"]
