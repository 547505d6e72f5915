"""Channel by channel."""


def film_map(maps, parameters):
    out = maps.clone()
    for n, row in enumerate(parameters.tolist()):
        for c in range(maps.shape[1]):
            out[n, c] = maps[n, c] + row[c] * maps[n, c] + row[maps.shape[1] + c]
    return out
