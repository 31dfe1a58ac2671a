"""Turn generated text into callables: files on disk, machine code, CPython."""
