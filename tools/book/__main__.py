"""`python -m tools.book [--out DIR]` builds the book."""

from tools.book.build import main

main()
