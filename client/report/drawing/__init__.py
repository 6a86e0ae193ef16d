"""Pictures of a report as SVG, drawn by matplotlib: the only place with floats.

Imports `client.report.document` and `client.report.formatting`. The same picture gives the same bytes with the same
version of matplotlib. Start with `svg.draw`; `axes` has one function a kind of picture, `style` the colours.
"""
