"""Packs as those see them who may read their rows: asset rows, their blobs, credit records, and the scores of both.

Used by originators (who make packs), risk control, oracles and the exchange (who read and check them). Imports the rest
of `client.sdk` and the schema and executors of `client.model`. Start reading at `asset_row`, then `reader`.
"""
