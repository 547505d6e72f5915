"""One picture more until it is enough."""


def pictures_to_check(rate, confidence):
    n, without_mistake = 0, 1.0
    while without_mistake > 1 - confidence:
        n, without_mistake = n + 1, without_mistake * (1 - rate)
    return n
