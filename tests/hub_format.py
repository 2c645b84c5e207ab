"""Writes a Llava checkpoint with random weights as the hub has it, tensor by tensor.

The form is that of `llava-hf/llava-interleave-qwen-0.5b-hf`: keys, names, shapes and number format,
tokenizer and processor files. Only the vocabulary is another: bytes, and tokens that no text makes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

import torch
from safetensors.torch import save_file
from transformers import LlavaConfig, LlavaForConditionalGeneration

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Size = Literal["tiny", "full"]
MARKERS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>")

FIRST_MARKER = {"tiny": 256, "full": 151643}
SHARD_BYTES = {"tiny": 40_000, "full": 400_000_000}
TEXT: dict[Size, dict[str, Any]] = {
    "full": {
        "hidden_size": 1024,
        "intermediate_size": 2816,
        "max_position_embeddings": 32768,
        "num_attention_heads": 16,
        "num_hidden_layers": 24,
        "num_key_value_heads": 16,
        "vocab_size": 152000,
    },
    "tiny": {
        "hidden_size": 24,
        "intermediate_size": 40,
        "max_position_embeddings": 512,
        "num_attention_heads": 4,
        "num_hidden_layers": 2,
        "num_key_value_heads": 2,
        "vocab_size": 272,
    },
}
VISION: dict[Size, dict[str, Any]] = {
    "full": {
        "hidden_size": 1152,
        "image_size": 384,
        "intermediate_size": 4304,
        "num_attention_heads": 16,
        "num_hidden_layers": 26,
        "patch_size": 14,
    },
    "tiny": {
        "hidden_size": 16,
        "image_size": 20,
        "intermediate_size": 28,
        "num_attention_heads": 2,
        "num_hidden_layers": 2,
        "patch_size": 4,
    },
}

HUB_NAMES = (
    ("model.language_model.", "language_model.model."),
    ("model.vision_tower.", "vision_tower.vision_model."),
    ("model.multi_modal_projector.", "multi_modal_projector."),
    ("lm_head.", "language_model.lm_head."),
)
"""Starts of names in transformers 5, and in checkpoints of before, such as the hub's."""

TURNS = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}"
    "{% for piece in message['content'] | selectattr('type', 'equalto', 'image') %}"
    "{{ '<image>' }}{% endfor %}"
    "{% for piece in message['content'] | selectattr('type', 'equalto', 'text') %}"
    "{% generation %}{{ '\\n' + piece['text'] }}{% endgeneration %}{% endfor %}"
    "{{ '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
"""Renders as the hub's: images before text, and a line break before each text."""


def write_checkpoint(
    folder: Path,
    *,
    size: Size = "tiny",
    seed: int = 0,
    layout: Literal["hub", "model"] = "hub",
    dtype: torch.dtype = torch.bfloat16,
    tied: bool = True,
    feature_layers: int | list[int] = -1,
) -> Path:
    """Write a checkpoint; at most one shard of it is in memory at a time.

    Args:
        folder: made where it is missing.
        size: `full` is the 0.5b model, 1.7 GB in bfloat16; `tiny` takes no time.
        seed: of the weights.
        layout: names of the weights as on the hub, or as in a model of transformers 5.
        dtype: number format of the weights; the hub's is bfloat16.
        tied: whether one matrix reads and predicts words.
        feature_layers: layers of the tower that the language model is shown.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = make_config(size, tied=tied, dtype=dtype) | {"vision_feature_layer": feature_layers}
    write(folder / "config.json", config)
    write(folder / "generation_config.json", {"_from_model_config": True, "eos_token_id": 151645})
    write_tokenizer(folder, FIRST_MARKER[size])
    write_processor(folder, config["vision_config"])
    write_weights(folder, config, seed=seed, layout=layout, shard_bytes=SHARD_BYTES[size])
    return folder


def write(path: Path, held: Any) -> None:
    """Write JSON."""
    path.write_text(json.dumps(held, indent=2, ensure_ascii=False), encoding="utf-8")


def make_config(size: Size, *, tied: bool, dtype: torch.dtype) -> dict[str, Any]:
    """Return `config.json`, with the keys that the hub's has."""
    first, name = FIRST_MARKER[size], str(dtype).removeprefix("torch.")
    return {
        "architectures": ["LlavaForConditionalGeneration"],
        "ignore_index": -100,
        "image_token_index": first + 3,
        "model_type": "llava",
        "projector_hidden_act": "gelu",
        "text_config": {
            **TEXT[size],
            "architectures": ["Qwen2ForCausalLM"],
            "bos_token_id": first,
            "eos_token_id": first + 2,
            "max_window_layers": 21,
            "model_type": "qwen2",
            "rope_theta": 1000000.0,
            "sliding_window": 32768,
            "tie_word_embeddings": tied,
            "torch_dtype": name,
            "use_sliding_window": False,
        },
        "torch_dtype": name,
        "transformers_version": "4.43.0.dev0",
        "vision_config": {
            **VISION[size],
            "hidden_act": "gelu_pytorch_tanh",
            "layer_norm_eps": 1e-06,
            "model_type": "siglip_vision_model",
            "vision_use_head": False,
        },
        "vision_feature_layer": -1,
        "vision_feature_select_strategy": "full",
    }


def write_tokenizer(folder: Path, first: int) -> None:
    """Write the files of a tokenizer of bytes, whose markers have the ids from `first` on."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    names = [*letters, *(f"unused{place}" for place in range(len(letters), first))]
    vocabulary = {name: place for place, name in enumerate(names)}
    core = Tokenizer(models.BPE(vocabulary, merges=[]))
    core.normalizer = normalizers.NFC()
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens(list(MARKERS))
    core.save(str(folder / "tokenizer.json"))
    write(folder / "vocab.json", vocabulary)
    (folder / "merges.txt").write_text("#version: 0.2\n")
    added = {marker: first + place for place, marker in enumerate(MARKERS)}
    write(folder / "added_tokens.json", added)
    flags = dict.fromkeys(("lstrip", "normalized", "rstrip", "single_word"), False)
    settings = {
        "add_prefix_space": False,
        "added_tokens_decoder": {
            str(place): {"content": marker, **flags, "special": True}
            for marker, place in added.items()
        },
        "bos_token": None,
        "eos_token": "<|im_end|>",
        "model_max_length": 32768,
        "pad_token": "<|endoftext|>",
        "processor_class": "LlavaProcessor",
        "tokenizer_class": "Qwen2Tokenizer",
        "unk_token": None,
    }
    write(folder / "tokenizer_config.json", settings)


def write_processor(folder: Path, vision: dict[str, Any]) -> None:
    """Write how pictures and turns are prepared."""
    write(folder / "chat_template.json", {"chat_template": TURNS})
    edge = vision["image_size"]
    write(
        folder / "preprocessor_config.json",
        {
            "do_normalize": True,
            "do_rescale": True,
            "do_resize": True,
            "image_mean": [0.5, 0.5, 0.5],
            "image_processor_type": "SiglipImageProcessor",
            "image_std": [0.5, 0.5, 0.5],
            "processor_class": "LlavaProcessor",
            "resample": 3,
            "rescale_factor": 1 / 255,
            "size": {"height": edge, "width": edge},
        },
    )
    write(
        folder / "processor_config.json",
        {
            "image_token": "<image>",
            "num_additional_image_tokens": 0,
            "patch_size": vision["patch_size"],
            "processor_class": "LlavaProcessor",
            "vision_feature_select_strategy": "full",
        },
    )


def write_weights(
    folder: Path, config: dict[str, Any], *, seed: int, layout: str, shard_bytes: int
) -> None:
    """Write shards and their index."""
    with torch.device("meta"):
        shapes = LlavaForConditionalGeneration(LlavaConfig(**config)).state_dict()
    if config["text_config"]["tie_word_embeddings"]:
        del shapes["lm_head.weight"]
    dtype = getattr(torch, config["torch_dtype"])
    shards = list(cut(shapes, shard_bytes // dtype.itemsize))
    places = {}
    for number, names in enumerate(shards, start=1):
        file = f"model-{number:05}-of-{len(shards):05}.safetensors"
        held = {
            hub_name(name, layout): draw(name, shapes[name].shape, seed).to(dtype) for name in names
        }
        save_file(held, folder / file, metadata={"format": "pt"})
        places |= dict.fromkeys(held, file)
    total = sum(shape.numel() for shape in shapes.values()) * dtype.itemsize
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(places.items()))}
    write(folder / "model.safetensors.index.json", index)


def cut(shapes: dict[str, torch.Tensor], most: int) -> Iterator[list[str]]:
    """Give the names of each shard, of at most so many numbers where a tensor allows."""
    names: list[str] = []
    held = 0
    for name, shape in shapes.items():
        if names and held + shape.numel() > most:
            yield names
            names, held = [], 0
        names.append(name)
        held += shape.numel()
    yield names


def hub_name(name: str, layout: str) -> str:
    """Return the name of a weight in the checkpoint."""
    for new, old in HUB_NAMES if layout == "hub" else ():
        if name.startswith(new):
            return old + name.removeprefix(new)
    return name


def draw(name: str, shape: torch.Size, seed: int) -> torch.Tensor:
    """Draw a weight, the same for the same name and seed."""
    rng = torch.Generator().manual_seed(seed + sum(map(ord, name)) * 1000 + len(name))
    spread = 0.02 if len(shape) == 1 else shape[-1] ** -0.5
    drawn = torch.randn(shape, generator=rng).mul_(spread)
    is_norm = "norm" in name and name.endswith(".weight")
    return drawn.add_(1) if is_norm else drawn
