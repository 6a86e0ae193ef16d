"""What a person or a script sees: tables, progress, errors, and the JSON twin of everything.

Output only: knows no role and no chain, imports of the project only `client.sdk.errors`. Start with
`output.Console`; `progress` shows work that takes more than two seconds.
"""
