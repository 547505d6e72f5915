"""What makes the book out of the executed notebooks and the pages of book/.

Read `build`, which calls the others: `lessons` for a lesson's page, `explorers` and `caption` for what moves without a
kernel, `vendor` for scripts from npm, `cache` for what is kept from one book to the next.
"""
