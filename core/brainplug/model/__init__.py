"""LLaVA-style models on 3-D scans: patches, the adapter to transformers, the chat form."""
