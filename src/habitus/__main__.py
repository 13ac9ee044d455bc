"""``python -m habitus`` and the ``habitus`` command."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    from habitus.cli.app import run

    run()


if __name__ == "__main__":
    main()
