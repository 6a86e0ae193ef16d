"""The end of the demo: what of the report says what screening did and what became of the loans."""

from pathlib import Path

from demo_consortium import DemoConsortium
from rich import box
from rich.console import Console
from rich.table import Table

from client.model.committed import DEFAULT_MODEL
from client.report import document
from client.report.assembly import make_report
from client.report.figures import Figure
from client.report.formatting import shown
from client.report.reading.data import Files, Reader, ReportData, Settings
from client.report.reading.pinned import PinnedChain
from client.sdk.chain import ChainClient
from client.sdk.vault_client import VaultClient

REGISTRY = "0x0000000000000000000000000000000000007C03"
_PICTURED = (("levels", 0), ("curve", 0), ("outcomes", 1))
"""Section, and which of its pictures."""
_INCHES = (15, 4.8)


def read_report(consortium: DemoConsortium, rpc: str, pack_id: int, outcomes: Path) -> document.Report:
    """Read the pack as the trustee, with what became of its loans."""
    chain, trustee = ChainClient(rpc, REGISTRY), consortium.identity("trustee")
    vault = VaultClient(rpc, trustee.account, chain_id=chain.chain_id, registry=REGISTRY)
    files = Files(model=DEFAULT_MODEL, outcomes=outcomes)
    reader = Reader(identity=trustee, vault=vault)
    return make_report(ReportData(PinnedChain(chain), pack_id, Settings(), reader=reader, files=files))


def print_report(report: document.Report) -> None:
    """Print the bridge and the tables of expected against actual defaults."""
    console = Console(width=110)
    for section in report.sections:
        if section.key in ("bridge", "outcomes"):
            for block in section.blocks:
                if isinstance(block, document.Table):
                    console.print(_printed(block))


def save_picture(report: document.Report, path: Path) -> None:
    """Draw levels before and after, the curve of removal, and expected against actual default rates, side by side."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    from client.report.drawing.style import SETTINGS
    from client.report.drawing.svg import draw_on

    sections = {section.key: section for section in report.sections}
    pictures = [
        [block for block in sections[key].blocks if isinstance(block, document.Picture)][place]
        for key, place in _PICTURED
    ]
    with plt.rc_context(SETTINGS):
        figure, panels = plt.subplots(1, len(pictures), figsize=_INCHES, layout="constrained")
        for axes, picture in zip(panels, pictures, strict=True):
            draw_on(axes, picture)
            axes.legend(loc="best")
            axes.set_title(picture.title, fontsize=10)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=110)
        plt.close(figure)


def _printed(table: document.Table) -> Table:
    printed = Table(table.label_head, *table.heads, title=table.title, box=box.SIMPLE_HEAD, title_justify="left")
    for column in printed.columns[1:]:
        column.justify = "right"
    for row in table.rows:
        printed.add_row(row.label, *(shown(cell) if isinstance(cell, Figure) else cell or "-" for cell in row.cells))
    return printed
