import math
from itertools import combinations, product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path
from torch import nn

from mmgen_course.scenes import (
    ATTRIBUTES,
    BACKGROUNDS,
    COLOURS,
    POSITIONS,
    SHAPES,
    SIZES,
    STYLES,
    Scene,
    SceneObject,
    draw,
    encode,
    render,
)
from mmgen_course.scenes.world import ALONE, CENTRES

unhurried = settings(max_examples=50)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def alone(shape="circle", colour="red", size="large", style="flat", position="centre", background="light"):
    return Scene((SceneObject(shape, colour, size, style, position),), background)


EVERY_LOOK = [alone(*look) for look in product(SHAPES, COLOURS, SIZES, STYLES)]
PAIRS = [
    Scene.pair(SceneObject(a, "red", "large", style, "centre"), relation, SceneObject(b, "blue", "small", style, "top"))
    for a, b in product(SHAPES, SHAPES)
    for relation, style in (("left of", "flat"), ("above", "striped"))
]
MIXTURE = EVERY_LOOK[::5] + PAIRS[::3]


# The corners of the shapes in the unit box, x to the right and y downwards, written down from their descriptions:
# what `draw` states as distances is here a list of points.
def ring(radii, centre, first):
    """Corners around a centre, from the angle `first` on, at radii that repeat."""
    angles = first + np.arange(10 * len(radii)) * 2 * math.pi / 10
    return [
        (radii[i % len(radii)] * math.cos(angle), centre + radii[i % len(radii)] * math.sin(angle))
        for i, angle in enumerate(angles[:10])
    ]


LONG, WIDE = 0.95, 0.38
CORNERS = {
    "circle": [(0.95 * math.cos(t), 0.95 * math.sin(t)) for t in np.linspace(0, 2 * math.pi, 500, endpoint=False)],
    "square": [(-0.82, -0.82), (0.82, -0.82), (0.82, 0.82), (-0.82, 0.82)],
    "triangle": [(0, -1), (1, 0.8), (-1, 0.8)],
    "diamond": [(0, -1), (0.76, 0), (0, 1), (-0.76, 0)],
    "star": ring((1.05, 0.52 * 1.05), centre=0.06, first=-math.pi / 2),
    "cross": [
        *((-WIDE, -LONG), (WIDE, -LONG), (WIDE, -WIDE), (LONG, -WIDE), (LONG, WIDE), (WIDE, WIDE)),
        *((WIDE, LONG), (-WIDE, LONG), (-WIDE, WIDE), (-LONG, WIDE), (-LONG, -WIDE), (-WIDE, -WIDE)),
    ],
}


def polygon(shape, scale=1.0, centre=(0.0, 0.0)):
    corners = np.array(CORNERS[shape]) * scale + centre
    return Path(np.vstack([corners, corners[:1]]), closed=True)


def distance_to_corners(points, shape):
    """Unsigned distance of points (N, 2) to the outline, edge by edge."""
    corners = np.array(CORNERS[shape])
    nearest = np.full(len(points), np.inf)
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        along = np.clip((points - start) @ (end - start) / ((end - start) @ (end - start)), 0, 1)
        nearest = np.minimum(nearest, np.linalg.norm(points - start - along[:, None] * (end - start), axis=1))
    return nearest


def signed_distance(shape, points):
    x, y = torch.from_numpy(points).T.reshape(2, 1, 1, -1)
    return draw.DISTANCE[shape](x, y).reshape(-1).numpy()


def covered(picture, scene):
    """The share of each pixel that a flat object alone covers, from its picture (3, H, W)."""
    colour = torch.tensor(draw.RGB[scene.objects[0].colour]) * 2 - 1
    ground = torch.full((3,), draw.GREY[scene.background]) * 2 - 1
    channel = (colour - ground).abs().argmax()
    return (picture[channel] - ground[channel]) / (colour - ground)[channel]


# ---- what comes out


@pytest.mark.parametrize("size", [16, 17, 32, 45, 64, 100, 256])
def test_pictures_have_the_size_asked_for_and_stay_in_minus_one_to_one(size):
    scenes = MIXTURE[:: max(1, size // 16)]
    for generator in (None, seeded()):
        pictures = render(scenes, size, generator)
        assert pictures.shape == (len(scenes), 3, size, size)
        assert pictures.dtype == torch.float32
        assert -1 <= pictures.min() < pictures.max() <= 1


@pytest.mark.parametrize("size", [-1, 0, 15, 257])
def test_a_size_outside_16_to_256_is_an_error_that_says_so(size):
    with pytest.raises(ValueError, match=f"between 16 and 256 pixels; got {size}"):
        render([alone()], size)


def test_no_scene_is_an_error():
    with pytest.raises(ValueError, match="at least one scene"):
        render([])


def test_a_seed_repeats_a_picture_and_another_seed_gives_another():
    same = render(MIXTURE, 32, seeded(3))
    assert torch.equal(same, render(MIXTURE, 32, seeded(3)))
    assert (same - render(MIXTURE, 32, seeded(4))).abs().amax((1, 2, 3)).min() > 0.05


def test_one_generator_gives_a_scene_many_pictures():
    pictures = render([alone(style="striped")] * 20, 32, seeded())
    assert len({tuple(picture.flatten().tolist()) for picture in pictures}) == 20


def test_without_a_generator_a_scene_has_one_picture_in_whatever_company():
    together = render(MIXTURE, 32)[::12]
    apart = torch.cat([render([scene], 32) for scene in MIXTURE[::12]])
    torch.testing.assert_close(together, apart, rtol=0, atol=1e-6)


def test_global_random_numbers_neither_matter_nor_change():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = render(MIXTURE[:5], 32, seeded())
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(1)
    assert torch.equal(first, render(MIXTURE[:5], 32, seeded()))


@pytest.mark.parametrize("pixels", [1, 5000, 10**9])
def test_how_scenes_are_cut_into_chunks_changes_no_picture(pixels, monkeypatch):
    whole = render(MIXTURE, 32, seeded())
    monkeypatch.setattr(draw, "CHUNK_PIXELS", pixels)
    torch.testing.assert_close(render(MIXTURE, 32, seeded()), whole, rtol=0, atol=1e-6)


# ---- the shapes, against their corners


@pytest.mark.parametrize("shape", SHAPES)
def test_a_signed_distance_is_negative_exactly_inside_the_shape(shape):
    points = np.random.default_rng(0).uniform(-1.3, 1.3, (20_000, 2))
    signed = signed_distance(shape, points)
    clear = np.abs(signed) > 1e-4
    assert np.array_equal((signed < 0)[clear], polygon(shape).contains_points(points)[clear])
    assert clear.mean() > 0.999


@pytest.mark.parametrize("shape", SHAPES)
def test_a_signed_distance_is_exact_next_to_an_edge_and_nowhere_greater_than_the_true_distance(shape):
    points = np.random.default_rng(1).uniform(-1.3, 1.3, (5000, 2))
    signed, true = np.abs(signed_distance(shape, points)), distance_to_corners(points, shape)
    assert (signed <= true + 1e-4).all()
    # near the outline only the fans beyond the corners are bounds, and they are few
    near = true < 0.05
    assert near.sum() > 200
    assert np.isclose(signed, true, atol=1e-4)[near].mean() > 0.9


@unhurried
@given(st.sampled_from(SHAPES), *[st.tuples(*[st.floats(-2, 2)] * 2)] * 2)
def test_a_signed_distance_changes_no_faster_than_the_place(shape, here, there):
    signed = signed_distance(shape, np.array([here, there]))
    assert abs(signed[0] - signed[1]) <= math.dist(here, there) + 1e-6


@pytest.mark.parametrize(("shape", "size"), [*product(SHAPES, SIZES)])
def test_the_area_drawn_is_the_area_inside_the_corners(shape, size):
    scene = alone(shape, size=size)
    x, y = np.array(CORNERS[shape]).T
    area = abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2 * draw.RADIUS[size] ** 2
    # a pixel that holds the tip of a star is counted too full, which shows in a small star at 32 pixels
    for pixels, tolerance in ((32, 0.025), (256, 0.002)):
        cover = covered(render([scene], pixels)[0], scene)
        assert cover.sum() * (2 / pixels) ** 2 == pytest.approx(area, rel=tolerance)


@pytest.mark.parametrize(("shape", "position"), [*zip(SHAPES, [*ALONE, "centre"], strict=True)])
def test_each_pixel_shows_the_share_of_it_that_lies_inside_the_corners(shape, position):
    scene, pixels, fine = alone(shape, position=position), 32, 20
    points = (np.arange(pixels * fine) + 0.5) * 2 / (pixels * fine) - 1
    grid = np.stack(np.meshgrid(points, points), -1).reshape(-1, 2)
    inside = polygon(shape, draw.RADIUS["large"], CENTRES[position]).contains_points(grid)
    share = torch.from_numpy(inside.reshape(pixels, fine, pixels, fine).mean((1, 3)))
    error = (covered(render([scene], pixels)[0], scene) - share).abs()
    assert error.mean() < 0.004
    assert (error > 0.1).sum() <= 12  # a pixel at each corner: a distance rounds them, and a cross has 12


# ---- anti-aliasing


@given(st.floats(-1, 1), st.integers(16, 256))
def test_a_pixel_cut_by_an_upright_edge_shows_exactly_the_share_inside(edge, pixels):
    width = 2 / pixels
    centres = (torch.arange(pixels, dtype=torch.float64) + 0.5) * width - 1
    share = ((edge - (centres - width / 2)) / width).clamp(0, 1)  # of a pixel left of the edge
    torch.testing.assert_close(draw.coverage(centres - edge, width), share, rtol=0, atol=1e-6)


@pytest.mark.parametrize("degrees", range(0, 91, 15))
def test_a_pixel_cut_by_a_tilted_edge_shows_nearly_the_share_inside(degrees):
    normal = np.array([math.cos(math.radians(degrees)), math.sin(math.radians(degrees))])
    samples = np.stack(np.meshgrid(*[(np.arange(100) + 0.5) / 100 - 0.5] * 2), -1) @ normal
    offsets = np.linspace(-1, 1, 81)
    true = np.array([(samples < offset).mean() for offset in offsets])
    drawn = draw.coverage(torch.from_numpy(-offsets), 1.0).numpy()
    assert np.abs(drawn - true).max() < 0.07
    assert drawn.mean() == pytest.approx(true.mean(), abs=0.002)


@pytest.mark.parametrize(("size", "tolerance"), [(16, 0.008), (32, 0.004), (64, 0.002), (128, 0.001)])
def test_a_picture_twice_as_fine_averages_to_the_coarse_one(size, tolerance):
    fine, coarse = render(MIXTURE, 2 * size, seeded()), render(MIXTURE, size, seeded())
    difference = (nn.functional.avg_pool2d(fine, 2) - coarse).abs()
    assert difference.mean() < tolerance
    assert difference.mean((1, 2, 3)).max() < 3 * tolerance


# ---- symmetry


@pytest.mark.parametrize("style", ["flat", "outlined", "dotted"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_mirrored_scene_has_the_mirrored_picture(shape, style):
    mirror = {place: place.replace("left", "RIGHT").replace("right", "left").lower() for place in ALONE}
    scenes = [alone(shape, style=style, position=place) for place in mirror]
    mirrored = [alone(shape, style=style, position=place) for place in mirror.values()]
    torch.testing.assert_close(render(scenes).flip(-1), render(mirrored), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("shape", "upside_down"), [*zip(SHAPES, [True, True, False, True, False, True], strict=True)])
def test_only_triangle_and_star_have_an_upper_and_a_lower_end(shape, upside_down):
    picture = render([alone(shape)])
    assert torch.allclose(picture.flip(-2), picture, atol=1e-5) == upside_down


# ---- where objects stand


def push(monkeypatch, *strays):
    """Make every picture stray by these numbers in [-1, 1]: x, y, radius, pattern x and y, and three of shade."""
    steps = torch.tensor(strays) / 2 + 0.5
    monkeypatch.setattr(draw.torch, "rand", lambda shape, generator: steps.expand(shape))


@pytest.mark.parametrize("pixels", [16, 32, 256])
@pytest.mark.parametrize("relation", ["left of", "above"])
@pytest.mark.parametrize("aside", [-1.0, 0.0, 1.0])
def test_two_objects_never_share_a_pixel_beyond_what_it_holds(relation, aside, pixels, monkeypatch):
    # as large, and as far towards each other, as they can come
    towards = (1.0, aside) if relation == "left of" else (aside, 1.0)
    away = tuple(-step for step in towards)
    push(monkeypatch, (*towards, 1.0, *[0.0] * 5), (*away, 1.0, *[0.0] * 5))

    def picture(first, second):
        things = [
            [
                SceneObject(shape, colour, "large", "flat", "centre")
                for shape, colour in zip(shapes, (first, second), strict=True)
            ]
            for shapes in product(SHAPES, SHAPES)
        ]
        return render([Scene.pair(a, relation, b) for a, b in things], pixels, seeded())

    # what changes with the colour of one object is what that object covers
    plain = picture("red", "red")
    full = 2 * (draw.RGB["blue"][2] - draw.RGB["red"][2])
    covers = [(picture(*colours) - plain)[:, 2] / full for colours in (("blue", "red"), ("red", "blue"))]
    assert min(cover.max() for cover in covers) > 0.99
    assert (covers[0] + covers[1]).max() < 1.001


@pytest.mark.parametrize("shape", SHAPES)
def test_no_object_reaches_beyond_the_picture_however_it_strays(shape):
    x, y = np.abs(CORNERS[shape]).max(0) * draw.RADIUS["large"] * (1 + draw.SCALE) + draw.SHIFT
    assert max(abs(centre[0]) + x for centre in CENTRES.values()) <= 1
    assert max(abs(centre[1]) + y for centre in CENTRES.values()) <= 1


@pytest.mark.parametrize("place", POSITIONS)
def test_an_object_stands_where_its_position_says(place):
    if place in ALONE:
        scene = alone("square", "blue", "small", position=place)
    else:
        box = SceneObject("square", "blue", "small", "flat", "centre")
        other = SceneObject("circle", "red", "small", "flat", "centre")
        relation = {"left": "left of", "right": "right of", "top": "above", "bottom": "below"}[place]
        scene = Scene.pair(box, relation, other)
    picture = render([scene], 64)[0]
    blue = (picture[2] - picture[0]).clamp(min=0)  # neither red nor grey is blue
    grid = (torch.arange(64) + 0.5) / 32 - 1
    x, y = (blue.sum(0) * grid).sum() / blue.sum(), (blue.sum(1) * grid).sum() / blue.sum()
    assert (x.item(), y.item()) == pytest.approx(CENTRES[place], abs=0.01)
    assert (x > 0.2) == ("right" in place)
    assert (x < -0.2) == ("left" in place)
    assert (y > 0.2) == ("bottom" in place)
    assert (y < -0.2) == ("top" in place)


# ---- what can be read


@pytest.mark.parametrize("background", BACKGROUNDS)
@pytest.mark.parametrize(("size", "style"), [*product(SIZES, STYLES)])
def test_any_two_colours_differ_on_either_background(size, style, background):
    scenes = [alone(shape, colour, size, style, "centre", background) for colour, shape in product(COLOURS, SHAPES)]
    pictures = render(scenes).reshape(len(COLOURS), len(SHAPES), 3, 32, 32)
    for first, second in combinations(pictures, 2):
        apart = (first - second).norm(dim=1).flatten(1)  # (shapes, pixels)
        # 0.14 is how far the shade of a colour can stray
        assert (apart > 2 * 0.14).sum(1).min() >= 20
        assert apart.amax(1).min() > 0.4


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_every_object_stands_out_from_its_background(background):
    scenes = [alone(*look, "centre", background) for look in product(SHAPES, COLOURS, SIZES, STYLES)]
    ground = torch.tensor(draw.GREY[background] * 2 - 1)
    assert ((render(scenes) - ground).norm(dim=1).flatten(1) > 0.3).sum(1).min() >= 30


@pytest.mark.parametrize("background", BACKGROUNDS)
@pytest.mark.parametrize(("name", "pixels"), {"shape": 12, "size": 12, "style": 2}.items())
def test_changing_one_value_changes_at_least_a_few_pixels_clearly(name, pixels, background):
    axis = ["shape", "colour", "size", "style"].index(name)
    scenes = [alone(*look, "centre", background) for look in product(SHAPES, COLOURS, SIZES, STYLES)]
    pictures = render(scenes).unflatten(0, (len(SHAPES), len(COLOURS), len(SIZES), len(STYLES)))
    for first, second in combinations(pictures.unbind(axis), 2):
        apart = (first - second).norm(dim=3).flatten(3)  # (the three other attributes, pixels)
        assert (apart > 0.3).sum(3).min() >= pixels


def test_a_small_network_reads_every_attribute_from_seeded_pictures():
    scenes = [
        alone(*look, background) for *look, background in product(SHAPES, COLOURS, SIZES, STYLES, ALONE, BACKGROUNDS)
    ]
    codes, backgrounds = encode(scenes)
    truth = torch.cat([codes[:, 0], backgrounds[:, None]], dim=1)
    names = {**ATTRIBUTES, "position": ALONE, "background": BACKGROUNDS}
    sizes = [len(values) for values in names.values()]
    generator, epochs, batch = seeded(), 5, 64
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(
            *(
                nn.Conv2d(3, 20, 5, stride=2, padding=2),
                nn.ReLU(),
                nn.Conv2d(20, 40, 3, stride=2, padding=1),
                nn.ReLU(),
            ),
            *(nn.Flatten(), nn.Linear(40 * 8 * 8, 96), nn.ReLU(), nn.Linear(96, sum(sizes))),
        )
    optimizer = torch.optim.Adam(network.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, epochs * len(scenes) // batch)
    for _ in range(epochs):
        pictures, order = render(scenes, 32, generator), torch.randperm(len(scenes), generator=generator)
        for rows in order.split(batch):
            guesses = network(pictures[rows]).split(sizes, dim=1)
            pairs = zip(guesses, truth[rows].T, strict=True)
            loss = sum(nn.functional.cross_entropy(guess, right) for guess, right in pairs)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    with torch.no_grad():
        guesses = network(render(scenes, 32, generator)).split(sizes, dim=1)
    right = {
        name: (guess.argmax(1) == column).float().mean().item()
        for name, guess, column in zip(names, guesses, truth.T, strict=True)
    }
    wanted = {"shape": 0.65, "colour": 0.97, "size": 0.95, "style": 0.65, "position": 0.99, "background": 0.99}
    assert {name: share for name, share in right.items() if share < wanted[name]} == {}


# ---- encode


def test_encode_keeps_all_that_a_scene_says():
    for scene, codes, background in zip(MIXTURE, *encode(MIXTURE), strict=True):
        things = [
            SceneObject(*(values[code] for values, code in zip(ATTRIBUTES.values(), row, strict=True)))
            for row in codes.tolist()
            if row != [-1] * len(ATTRIBUTES)
        ]
        assert Scene(tuple(things), BACKGROUNDS[background]) == scene
