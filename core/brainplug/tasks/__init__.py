"""The dialogues stage: tasks, their files, and their tokens."""
