"""How each shipped file came to be: a recipe's name, steps and a seed go in, the trained file comes out.

`mmgen train NAME` runs one; `tools/ship.py` puts its result among the data of the course.
"""

from mmgen_course.recipes.grounding import GROUNDING
from mmgen_course.recipes.recipe import Card, Recipe, card_path, read_card, write_card
from mmgen_course.recipes.recogniser import RECOGNISER
from mmgen_course.recipes.shared_space import SHARED_SPACE, SHARED_SPACE_BAG, SHARED_SPACE_EASY
from mmgen_course.recipes.words import WORDS

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe for recipe in (RECOGNISER, WORDS, GROUNDING, SHARED_SPACE, SHARED_SPACE_BAG, SHARED_SPACE_EASY)
}

__all__ = ["RECIPES", "Card", "Recipe", "card_path", "read_card", "write_card"]
