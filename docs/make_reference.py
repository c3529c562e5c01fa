"""Write the field tables of docs/training.md anew from the schema: ``python docs/make_reference.py``."""

from pathlib import Path

from alignn_ff.train.config.reference import markdown_reference

MARK = "<!-- made from the schema -->\n"


def main() -> None:
    """Keep what stands above the mark, replace what stands below."""
    page = Path(__file__).with_name("training.md")
    head, _, _ = page.read_text(encoding="utf-8").partition(MARK)
    page.write_text(head + MARK + "\n" + markdown_reference(), encoding="utf-8")


if __name__ == "__main__":
    main()
