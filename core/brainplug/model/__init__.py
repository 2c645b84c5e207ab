"""LLaVA-style models on 3-D scans: patches, the network, losses, adapters."""
