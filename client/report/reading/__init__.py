"""What a report reads: the chain at one block, the rows and records in the vault, and files given beside them.

Imports `client.sdk` and `client.model`. Start with `data.ReportData`: everything is read when it is first asked for,
and kept; `pinned` is the chain at a block, and one module stands for each kind of source.
"""
