"""Edits to Python files of a target tree, from a plain list; see `src/target/tree/edit.ts`."""
