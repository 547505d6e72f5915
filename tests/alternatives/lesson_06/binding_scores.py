"""Pair by pair, with the four comparisons written out."""


def binding_scores(s):
    text = image = group = 0
    for (aa, ab), (ba, bb) in s.tolist():
        pictures, captions = aa > ab and bb > ba, aa > ba and bb > ab
        text, image, group = text + pictures, image + captions, group + (pictures and captions)
    return text / len(s), image / len(s), group / len(s)
