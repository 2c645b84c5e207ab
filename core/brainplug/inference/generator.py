"""Reads dialogues that begin alike, and says how they go on.

The turns they share are read once, and the keys and values of that reading serve every question and
every candidate answer. A candidate that the model would say by itself, word for word, is what
greedy generation gives, so words are generated one by one only where it would say something else.

Axes: B tasks answered at once, T tokens, P tokens of a scan, D hidden size, V words.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import attrs
import torch

from brainplug.inference.numbers import expect, node_log_chances, read_nodes
from brainplug.inference.records import Answer, Question
from brainplug.model import llava
from brainplug.model.packing import to_tensor
from brainplug.tasks.token_tree import common_beginning

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from transformers import Cache

    from brainplug.inference.numbers import Reading
    from brainplug.inference.records import AnswerSettings
    from brainplug.model.bundle import ModelBundle
    from brainplug.tasks.token_tree import TokenTree

TOKENS_AT_ONCE = 16384
"""Tokens, those of shared turns included, whose keys and values are held at once."""

BYTES_OF_FEATURES = 2**31
"""Memory for features of scans that may be shown again."""


class Generator:
    """Reads dialogues and says how they go on.

    Args:
        bundle: the model, in evaluation mode.
        settings: how tasks are answered.
    """

    def __init__(self, bundle: ModelBundle, settings: AnswerSettings) -> None:
        self.model = bundle.model
        self.tokenizer = bundle.tokenizer
        self.settings = settings
        self.features: OrderedDict[Path, torch.Tensor] = OrderedDict()
        llava.choose_kernels(bundle.model, onednn=settings.speed.onednn)

    def answer(self, groups: Sequence[Sequence[Question]]) -> Iterator[list[Answer]]:
        """Answer groups of questions that begin alike, with as many tokens each."""
        first = [group[0].item for group in groups]
        length = first[0].encoded.num_shared
        shared = self.read_shared(
            [item.encoded.prompt[:length] for item in first], [item.images[:-1] for item in first]
        )
        # Rows that are alike in every length need neither filling nor a mask for it.
        by_length: dict[tuple[object, ...], list[tuple[int, Question]]] = {}
        for number, group in enumerate(groups):
            for question in group:
                by_length.setdefault(question.form, []).append((number, question))
        for rows in by_length.values():
            longest = length + sum(rows[0][1].lengths) + self.settings.max_new_tokens
            step = max(1, min(self.settings.batch_size, TOKENS_AT_ONCE // longest))
            for start in range(0, len(rows), step):
                numbers, questions = zip(*rows[start : start + step], strict=True)
                yield self.answer_alike(questions, pick(shared, numbers), length)

    def read_shared(
        self, ids: Sequence[Sequence[int]], images: Sequence[Sequence[Path]]
    ) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Return keys and values of each layer for the shared turns of groups, a row each.

        Empty where there are none.
        """
        if not ids[0]:
            return []
        cache = llava.new_cache()
        embeddings = self.embed(ids, images)
        positions = torch.arange(embeddings.shape[1], device=embeddings.device)
        llava.language_model_states(
            self.model, embeddings, positions.expand(len(ids), -1), cache=cache
        )
        return llava.entries_of(cache)

    def answer_alike(
        self,
        rows: Sequence[Question],
        shared: Sequence[tuple[torch.Tensor, torch.Tensor]],
        length: int,
    ) -> list[Answer]:
        """Answer questions of equal length in one call each for prompt and candidates.

        Args:
            rows: the questions.
            shared: keys and values of each layer for what comes before each question.
            length: how many tokens that is.
        """
        count = len(rows)
        # For the rest of the prompt, all candidates at once, and the words that may follow.
        cache = llava.roomy_cache(shared, room=sum(rows[0].lengths) + self.settings.max_new_tokens)
        embeddings = self.embed([row.rest for row in rows], [row.item.images[-1:] for row in rows])
        end = length + embeddings.shape[1]
        positions = torch.arange(length, end, device=embeddings.device).expand(count, -1)
        hidden = llava.language_model_states(self.model, embeddings, positions, cache=cache)
        first = llava.next_token_logits(self.model, hidden[:, -1]).float()
        if rows[0].tree is not None:
            states = hidden[:, -1:]
            readings = self.read_numbers(rows[0].tree, states, cache, end)
            said = (
                self.decode_greedily(rows, first, cache, end)
                if self.settings.generates(rows[0])
                else [Answer(number=row.number, text="") for row in rows]
            )
            pairs = zip(said, readings, strict=True)
            return [attrs.evolve(each, reading=reading) for each, reading in pairs]
        if not rows[0].candidates:
            return self.decode_greedily(rows, first, cache, end)
        after = self.try_candidates(rows, first, cache, end)
        return self.score_candidates(rows, after, first, cache, end)

    def read_numbers(
        self, tree: TokenTree, states: torch.Tensor, cache: Cache, end: int
    ) -> list[Reading]:
        """Return the value that the model expects for each row.

        Args:
            tree: of the answers.
            states: `(B, 1, D)` at the end of the prompt.
            cache: keys and values of the prompt; afterwards as before.
            end: how many tokens that is.
        """
        if len(tree.inner):
            read = read_nodes(self.model, tree, cache, rows=len(states), end=end)
            states = torch.cat([states, read], dim=1)
        return expect(tree, node_log_chances(self.model, tree, states))

    def try_candidates(
        self, rows: Sequence[Question], first: torch.Tensor, cache: Cache, end: int
    ) -> list[torch.Tensor]:
        """Return for each candidate the logits `(B, T, V)` before each of its tokens.

        All candidates are read in one call, as branches that do not see each other; the cache is
        then as before.
        """
        # The last token of a candidate is predicted but never read.
        lengths = [len(each) - 1 for each in rows[0].candidates]
        ids = [[token for each in row.candidates for token in each[:-1]] for row in rows]
        embeddings = self.embed(ids, [()] * len(rows))
        own = torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths))
        index = torch.cat([torch.arange(each) for each in lengths])
        # One triangle over the whole row would let a candidate see those before it.
        seen = (own[:, None] == own[None, :]) & (index[None, :] <= index[:, None])
        mask = torch.cat([torch.ones(len(own), end, dtype=torch.bool), seen], dim=1)
        device = embeddings.device
        hidden = llava.language_model_states(
            self.model,
            embeddings,
            (end + index).to(device).expand(len(rows), -1),
            mask=mask.to(device).expand(len(rows), 1, -1, -1),
            cache=cache,
        )
        cache.crop(-len(own))
        logits = llava.next_token_logits(self.model, hidden).float().split(lengths, dim=1)
        # The first token of each candidate is predicted by the end of the prompt.
        return [torch.cat([first.unsqueeze(1), each], dim=1) for each in logits]

    def score_candidates(
        self,
        rows: Sequence[Question],
        after: Sequence[torch.Tensor],
        first: torch.Tensor,
        cache: Cache,
        end: int,
    ) -> list[Answer]:
        """Score candidates, and find those that the model would say by itself."""
        totals, free, tails = [], [], []
        # What they all begin with is one of several wordings, and tells no label.
        begin = [len(common_beginning(row.candidates)) for row in rows]
        for number, logits in enumerate(after):
            wanted = torch.tensor([row.candidates[number] for row in rows], device=logits.device)
            chosen = logits.log_softmax(dim=-1).gather(2, wanted.unsqueeze(2)).squeeze(2)
            # Summed, not averaged: the probability of the whole answer with its end marker, which
            # can be compared between answers of any length.
            totals.append(chosen.sum(dim=1))
            behind = [row[start:].sum() for row, start in zip(chosen, begin, strict=True)]
            tails.append(torch.stack(behind))
            free.append((logits.argmax(dim=-1) == wanted).all(dim=1))
        scores, said_freely = torch.stack(totals, dim=1), torch.stack(free, dim=1)
        masses = torch.stack(tails, dim=1).exp().sum(dim=1).tolist()
        chances, best = scores.softmax(dim=1).tolist(), scores.argmax(dim=1).tolist()
        texts = [self.text_of(row.candidates[index]) for row, index in zip(rows, best, strict=True)]
        told = dict[int, str]()
        if not self.settings.generates(rows[0]):
            told = {row.number: text for row, text in zip(rows, texts, strict=True)}
        # Greedy decoding has one path, so that all candidates found on it are the same words.
        elif self.settings.speed.check_candidates:
            told = {
                row.number: self.text_of(row.candidates[int(found.nonzero()[0])])
                for row, found in zip(rows, said_freely, strict=True)
                if found.any()
            }
        left = [index for index, row in enumerate(rows) if row.number not in told]
        if left:
            kept = torch.tensor(left, device=first.device)
            cache.batch_select_indices(kept)
            for said in self.decode_greedily(
                [rows[index] for index in left], first[kept], cache, end
            ):
                told[said.number] = said.text
        if not self.settings.scores:
            return [Answer(number=row.number, text=told[row.number]) for row in rows]
        return [
            Answer(number=row.number, text=told[row.number], chances=chance, best=text, mass=mass)
            for row, chance, text, mass in zip(rows, chances, texts, masses, strict=True)
        ]

    def decode_greedily(
        self, rows: Sequence[Question], first: torch.Tensor, cache: Cache, end: int
    ) -> list[Answer]:
        """Generate answers word by word, always the most probable, up to the end marker."""
        stop = self.tokenizer.eos_token_id
        token = first.argmax(dim=-1)
        # A row that has ended is read on with the others; `text_of` cuts what follows its end
        # marker.
        said, ended = [token], token == stop
        while len(said) < self.settings.max_new_tokens and not bool(ended.all()):
            position = torch.full((len(rows), 1), end + len(said) - 1, device=token.device)
            words = self.model.get_input_embeddings()(token.unsqueeze(1))
            hidden = llava.language_model_states(self.model, words, position, cache=cache)
            token = llava.next_token_logits(self.model, hidden[:, -1]).argmax(dim=-1)
            said.append(token)
            ended |= token == stop
        tokens = torch.stack(said, dim=1).tolist()
        return [
            Answer(number=row.number, text=self.text_of(each))
            for row, each in zip(rows, tokens, strict=True)
        ]

    def text_of(self, tokens: Sequence[int]) -> str:
        """Return an answer's words, up to its end marker."""
        tokens, stop = list(tokens), self.tokenizer.eos_token_id
        spoken = tokens[: tokens.index(stop)] if stop in tokens else tokens
        return str(self.tokenizer.decode(spoken, skip_special_tokens=True)).strip()

    def embed(self, ids: Sequence[Sequence[int]], images: Sequence[Sequence[Path]]) -> torch.Tensor:
        """Return `(B, T, D)` embeddings of rows of equal length, with the scans they show."""
        device = self.model.device
        rows = [
            llava.embed(
                self.model,
                torch.tensor(row, device=device),
                torch.cat([self.image_features(file) for file in files])
                if files
                else torch.empty(0, self.model.config.text_config.hidden_size, device=device),
            )
            for row, files in zip(ids, images, strict=True)
        ]
        return torch.cat(rows)

    def image_features(self, file: Path) -> torch.Tensor:
        """Return the `(P, D)` projected features of a scan; those seen last are remembered."""
        # Taken out and put back at the end, so that the first one is always that not seen for
        # longest.
        found = self.features.pop(file, None)
        if found is None:
            volume = to_tensor(self.settings.load(file)).to(self.model.device).unsqueeze(0)
            found = llava.project_features(self.model, llava.encode_images(self.model, volume))[0]
        if self.settings.speed.share_scans:
            self.features[file] = found
            while len(self.features) * found.nbytes > BYTES_OF_FEATURES:
                self.features.popitem(last=False)
        return found


def pick(
    shared: Sequence[tuple[torch.Tensor, torch.Tensor]], numbers: Sequence[int]
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Return for each of `numbers` the keys and values of that row."""
    if len(set(numbers)) == 1:  # no copy is made
        only = slice(numbers[0], numbers[0] + 1)
        size = (len(numbers), -1, -1, -1)
        return [(keys[only].expand(size), values[only].expand(size)) for keys, values in shared]
    rows = list(numbers)
    return [(keys[rows], values[rows]) for keys, values in shared]
