"""Run every notebook from the top, in place or for a test, and keep the stored copies free of outputs."""

import argparse
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent


def execute(path: Path) -> nbformat.NotebookNode:
    """Run one notebook; an error in a cell is raised. The file isn't touched."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(HERE)}}).execute()
    return notebook


def stripped(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The same notebook without outputs, counters and the machine's traces."""
    for cell in notebook.cells:
        cell.metadata = nbformat.NotebookNode()
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.metadata = nbformat.NotebookNode(
        kernelspec={"name": "python3", "display_name": "Python 3", "language": "python"}
    )
    return notebook


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    for path in sorted(HERE.glob("*.ipynb")):
        nbformat.write(stripped(execute(path)), path)
        print(f"{path.name}: runs")


if __name__ == "__main__":
    main()
