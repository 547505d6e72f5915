"""The normal equations of a line."""


def fid_at_size(sizes, values, size):
    count = len(sizes)
    mean_x, mean_y = sum(1 / n for n in sizes) / count, sum(values) / count
    slope = sum((1 / n - mean_x) * (v - mean_y) for n, v in zip(sizes, values, strict=True))
    slope /= sum((1 / n - mean_x) ** 2 for n in sizes)
    return mean_y + slope * (1 / size - mean_x)
