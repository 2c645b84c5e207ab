"""Who is connected with whom, through any number of others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Int


def number_components(
    one: Int[np.ndarray, " links"], other: Int[np.ndarray, " links"], count: int
) -> Int[np.ndarray, " nodes"]:
    """Return the number of each node's connected component, from 0 without a gap.

    Args:
        one: a node of each link, counted from 0.
        other: the node it is linked to.
        count: of nodes; one without a link is a component by itself.

    >>> number_components(np.array([0, 3]), np.array([2, 0]), 4).tolist()
    [0, 1, 0, 0]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not count:  # scipy takes no graph without nodes
        return np.zeros(0, dtype=np.int32)
    graph = coo_array((np.ones(len(one), dtype=np.int8), (one, other)), shape=(count, count))
    labels: Int[np.ndarray, " nodes"] = connected_components(graph, directed=False)[1]
    return labels
