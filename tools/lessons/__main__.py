"""`python -m tools.lessons [NAMES]` builds the notebooks."""

from tools.lessons.build import main

main()
