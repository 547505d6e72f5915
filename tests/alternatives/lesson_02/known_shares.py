"""The unknown words that a Vocabulary counts."""

from mmgen_course.preprocess.text import BOS, EOS, UNK, Vocabulary


def known_shares(train, new, size):
    vocabulary = Vocabulary(Vocabulary.from_texts(train).words[4 : 4 + size])
    rows = [[i for i in vocabulary.encode(text) if i not in (BOS, EOS)] for text in new]
    whole = sum(UNK not in row for row in rows) / len(new)
    return 1 - vocabulary.unknown.total() / vocabulary.n_encoded, whole
