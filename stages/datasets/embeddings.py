"""Prompts as vectors, the mean over a prompt's tokens of a model's last hidden layer, and their clusters.

The clustering of arXiv 2511.05993: k-means with 1,000 clusters, of which the largest 281, 112, 49, 21 and 9 hold
10,001, 5,031, 2,538, 1,246 and 616 prompts of DAPO-Math-17k. Seed, starts and what of a prompt is embedded: not known.
"""

from pathlib import Path

import numpy as np
import torch
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits
from transformers import AutoModel, AutoTokenizer

BATCH_TOKENS = 16_384  # padding included


def embed(texts: list[str], model_folder: Path, dtype: str, device: str, threads: int) -> np.ndarray:
    """[texts, width of the model], float32. Texts stand alone, without a chat template, which is the same for all."""
    torch.set_num_threads(threads)  # the order of float sums
    tokenizer = AutoTokenizer.from_pretrained(model_folder, trust_remote_code=False)
    model = AutoModel.from_pretrained(model_folder, dtype=getattr(torch, dtype), trust_remote_code=False)
    model = model.to(device).eval()
    tokens = [tokenizer(text)["input_ids"] for text in texts]
    vectors = np.zeros((len(texts), model.config.hidden_size), dtype=np.float32)
    with torch.inference_mode():
        for batch in batches([len(ids) for ids in tokens]):
            vectors[batch] = pooled(model, [tokens[position] for position in batch], device).cpu().numpy()
    return vectors


def pooled(model: torch.nn.Module, tokens: list[list[int]], device: str) -> torch.Tensor:
    """[texts, width]: the last hidden layer's mean over each text's own tokens, not over the padding to their right."""
    longest = max(map(len, tokens))
    ids = torch.tensor([text + [0] * (longest - len(text)) for text in tokens], device=device)
    mask = torch.tensor([[1] * len(text) + [0] * (longest - len(text)) for text in tokens], device=device)
    hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state.float()
    return (hidden * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True)


def batches(lengths: list[int]) -> list[list[int]]:
    """Positions in batches of texts of like length, the longest first, so that little is padded."""
    found: list[list[int]] = []
    for position in sorted(range(len(lengths)), key=lambda position: (-lengths[position], position)):
        if not found or (len(found[-1]) + 1) * lengths[found[-1][0]] > BATCH_TOKENS:
            found.append([])
        found[-1].append(position)
    return found


def cluster(vectors: np.ndarray, clusters: int, seed: int) -> np.ndarray:
    """The cluster of each row of `vectors` [texts, width], by k-means from one seeded k-means++ start."""
    with threadpool_limits(limits=1):  # the order of float sums, hence the labels
        return KMeans(clusters, n_init=1, random_state=seed).fit_predict(vectors)
