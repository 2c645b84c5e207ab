"""Plugins with one fault each; the entry point `nothing` names this module, which offers none."""
