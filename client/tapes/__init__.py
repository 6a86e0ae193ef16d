"""Loan tapes as markets publish them: read, checked element by element, and turned into the project's own tables.

SEC Schedule AL of automobile loans (XML of exhibit EX-102, or CSV made from it) and ESMA Annex V of automobile
exposures (XML) become a tape for `tranchain pack submit`, a bureau's file of the scores on it, and period rows for the
servicer. Files are streams: memory does not grow with them. May import `client.sdk` and `client.model`, knows no chain.

Start with `importer.import_tapes`; the two formats are `sec_elements` with `sec_rows`, and `esma_elements` with
`esma_rows`.
"""
