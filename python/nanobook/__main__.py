"""`python -m nanobook` is the command `nanobook`."""

from nanobook.cli import main

main()
