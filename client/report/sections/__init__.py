"""The sections of a report, one module each: a function from the data to blocks of tables and pictures.

A section's `make` gets the data and an empty collection of figures; every figure is made there with its source, so a
number without one cannot be printed. Imports `client.report.figures`, `document`, `reading`. Start with `bridge`.
`order` lists all sections and what each needs.
"""
