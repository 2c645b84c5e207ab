"""What small runnable recipes have in common: a grid and a model that take seconds."""

from __future__ import annotations

GRID = """
[images]
shape = [16, 16, 16]
spacing_mm = 12.0
"""

LEARNING = """
[model]
use = "tiny"
hidden_size = 16
heads = 2
vision_layers = 1
language_layers = 1
[training]
epochs = {epochs}
learning_rate = 1e-3
warmup_steps = 1
batch_size = 8
accumulation = 1
[evaluation]
bootstrap = 100
"""
