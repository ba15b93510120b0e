"""``python -m langchain_metaaligner`` is ``metaaligner``."""

from langchain_metaaligner.cli import main

if __name__ == "__main__":
    main()
