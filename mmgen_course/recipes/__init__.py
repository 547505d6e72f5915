"""How each shipped file was trained, by name, steps and seed.

`mmgen train NAME` runs one; `tools/ship.py` puts its result among the data of the course.
"""

from mmgen_course.recipes.digits_gan import DIGITS_GAN
from mmgen_course.recipes.digits_vae import DIGITS_AUTOENCODER, DIGITS_VAE, DIGITS_VAE_WIDE
from mmgen_course.recipes.grounding import GROUNDING
from mmgen_course.recipes.recipe import Card, Recipe, card_path, read_card, write_card
from mmgen_course.recipes.recogniser import RECOGNISER
from mmgen_course.recipes.scene_gan import SCENE_GAN
from mmgen_course.recipes.scene_vae import SCENE_VAE, SCENE_VAE_BRIEF
from mmgen_course.recipes.shared_space import SHARED_SPACE, SHARED_SPACE_BAG, SHARED_SPACE_EASY
from mmgen_course.recipes.text_to_image import TEXT_TO_IMAGE, TEXT_TO_IMAGE_BAG, TEXT_TO_IMAGE_ONE_HOT
from mmgen_course.recipes.words import WORDS

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        RECOGNISER,
        WORDS,
        GROUNDING,
        SHARED_SPACE,
        SHARED_SPACE_BAG,
        SHARED_SPACE_EASY,
        DIGITS_GAN,
        SCENE_GAN,
        DIGITS_VAE,
        DIGITS_VAE_WIDE,
        DIGITS_AUTOENCODER,
        SCENE_VAE,
        SCENE_VAE_BRIEF,
        TEXT_TO_IMAGE,
        TEXT_TO_IMAGE_BAG,
        TEXT_TO_IMAGE_ONE_HOT,
    )
}

__all__ = ["RECIPES", "Card", "Recipe", "card_path", "read_card", "write_card"]
