"""Names of the files in a run folder."""

from __future__ import annotations

COHORT, FACTS, EXCLUSIONS = "cohort.parquet", "cohort.json", "exclusions.csv"


SPLIT, PAIRS, PAIR_NOTES = "split.csv", "pairs.parquet", "pairs.json"


TASKS, AUDIT, VOLUMES = "tasks", "audit.json", "volumes.json"


CHECKPOINTS, MODEL, TRAINING = "checkpoints", "model", "training.json"


ANSWERS, METRICS, REPORT = "answers.jsonl", "metrics.json", "report.html"


RUNS, SUMMARY, EXPORTS = "runs", "summary.json", "exports"


RUN_LIST = "runs.json"
