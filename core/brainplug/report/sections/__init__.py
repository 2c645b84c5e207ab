"""The sections of the page: each takes from the run folder what it shows, or is left out."""
