"""`python -m tools.lessons [NAMES]` builds the notebooks, and the page of the equation ledger."""

from tools.lessons import build, ledger

build.main()
ledger.main()
