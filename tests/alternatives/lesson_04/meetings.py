"""Every pair of places of every sentence."""

import torch


def meetings(ids, n_words, window):
    counts = torch.zeros(n_words, n_words, dtype=torch.double)
    for sentence in ids.tolist():
        for t, word in enumerate(sentence):
            for u, other in enumerate(sentence):
                if t != u and abs(t - u) <= window and min(word, other) > 1:
                    counts[word, other] += 1 / abs(t - u)
    return counts
