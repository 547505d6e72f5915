# `make help` lists every verb. On a machine without make: each recipe is one plain command.
VENV := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help env lab lessons notebooks lesson book test budget lint walk bench retrain pins clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

env: .venv/ready  ## make .venv with the exact pins (done by every verb that needs it)
.venv/ready: requirements.txt pyproject.toml tools/make_env.sh
	tools/make_env.sh

lab: env  ## open JupyterLab on the first lesson
	$(VENV)/mmgen lab

lessons: env  ## run every lesson headless, then print minutes and peak memory of each
	$(VENV)/mmgen lessons

notebooks: env  ## build notebooks/*.ipynb, the tables of lessons and equations, from notebooks/
	$(VENV)/python -m tools.lessons
	$(VENV)/python -m tools.register

lesson: env  ## begin a lesson, such as NAME=16_captions: source, exercise, checks, entry in the register
	$(VENV)/python -m tools.lessons.new $(NAME)
	$(VENV)/python -m tools.lessons $(NAME)
	$(VENV)/python -m tools.register

book: env  ## render build/book/html from the notebooks; npm fetches its scripts once
	$(VENV)/python -m tools.book

test: env  ## every test: unit, doctest, property, lessons, book, browser
	$(VENV)/python -m pytest -n 3 --dist loadgroup

budget: env  ## what lessons, checks and pictures cost in seconds of the processor, and which of them too many
	$(VENV)/python -m tools.budget

lint: env  ## ruff and mypy
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy

walk:  ## walk as a newcomer: a fresh clone, its environment, a picture of a sentence; at most five minutes
	python3 tools/walk.py

bench: env  ## time the package against what a learner would use instead
	for name in render glove attention training kills sampling; do $(VENV)/python benchmarks/$$name.py || exit 1; done

retrain: env  ## train anew what a change has made stale: says what and for how long, and asks
	$(VENV)/python -m tools.retrain

pins: env  ## resolve pyproject.toml into requirements.txt and environment.yml
	$(VENV)/python -m tools.pins

clean:  ## remove what was made, but not what you wrote
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist *.egg-info
