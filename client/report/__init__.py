"""What a person reads of a pack: one self-contained HTML file whose every figure says where it comes from.

A report is a `document.Report`: figures (integers with a unit and a source) in tables and pictures. `assembly` makes it
from a `reading.ReportData`, a view of the chain at one block; `page` turns it into HTML and nothing but it; so
`verification` can make both again and compare every byte. Imports `client.sdk` and `client.model`, never a role;
`client.cli.report` is its only caller. Start with `assembly.make_report`. Source: docs/report.md; docs/adr/0025.
"""
