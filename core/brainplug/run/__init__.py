"""`brainplug run`: the stages in order, and the ledger of what is done."""
