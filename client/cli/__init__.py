"""The `tranchain` command: one module for each group of commands, which parses, calls a role, and prints.

A module of this folder that has an `app` (Typer) is a group; its name is the app's name, else the module's. Nothing
else needs to be told of it. Start with `app`, then `session`, which every command gets as `session_of(context)`.
"""
