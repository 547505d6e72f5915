"""`python -m mmgen_course ...` is `mmgen ...`; several processes train as `torchrun ... -m mmgen_course train NAME`."""

from mmgen_course.cli import main

main()
