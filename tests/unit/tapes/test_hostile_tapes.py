"""Whatever the bytes of a file: it is read with findings, or refused in one line; nothing else happens."""

import gzip
import random
from contextlib import suppress
from pathlib import Path

import pytest

from client.sdk.errors import InvalidInputError
from tests.unit.tapes.kit import ESMA_LOAN, SAMPLE, SEC_LOAN, record, run_import, write_csv, write_esma, write_xml

CHANGES = 120


@pytest.fixture(scope="module")
def tapes(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("tapes")
    sec = [SEC_LOAN, record(SEC_LOAN, assetNumber="2", originatorName='"A", B')]
    files = (
        write_xml(folder / "t.xml", [SEC_LOAN, record(SEC_LOAN, assetNumber="2", zeroBalanceCode=["1", "3"])]),
        write_csv(folder / "t.csv", sec),
        write_esma(folder / "e.xml", [ESMA_LOAN, record(ESMA_LOAN, AUTL3="L2", AUTL16="ND1")]),
    )
    return [path.read_bytes() for path in files]


def read(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with suppress(InvalidInputError):
        report, _ = run_import(path, path.parent / "out", skip_bad_rows=True)
        assert report.files[0].taken_count <= report.files[0].record_count


@pytest.mark.parametrize("seed", range(3))
def test_changed_bytes_are_read_or_refused(tmp_path: Path, tapes: list[bytes], seed: int) -> None:
    generator = random.Random(seed)
    for _ in range(CHANGES // 3):
        data = bytearray(generator.choice(tapes))
        for _ in range(generator.randint(1, 4)):
            place = generator.randrange(len(data))
            data[place : place + generator.randint(0, 3)] = generator.choice(
                [b"", b'"', b"\n", b"<", b">", b"&", b",", b"\x00", b"\xff", b"ND5", b"-9", b"1e999", b"\r", b"</a>"]
            )
        read(tmp_path / "tape", bytes(data))


def test_every_truncated_xml_is_refused(tmp_path: Path, tapes: list[bytes]) -> None:
    for data in (tapes[0], tapes[2]):
        end = data.rindex(b">")
        for length in range(1, end, max(1, end // 25)):
            path = tmp_path / "tape"
            path.write_bytes(data[:length])
            with pytest.raises(InvalidInputError):
                run_import(path, tmp_path / "out", skip_bad_rows=True)


def test_a_file_of_many_blocks_is_read_whole(tmp_path: Path) -> None:
    """The sample as one line and repeated: elements, records and text cross the borders of blocks."""
    text = gzip.decompress(SAMPLE.read_bytes()).decode()
    head, _, rest = text.partition("<assets>")
    body, _, tail = rest.rpartition("</assets>")
    records = f"<assets>{body}</assets>".replace("\n", "").replace("  ", "")
    many = "".join(records.replace(">WO20A", f">{number}-WO") for number in range(12))
    path = tmp_path / "tape.xml"
    path.write_text(head + many + tail)
    report, tables = run_import(path, tmp_path / "out")
    assert tables is not None
    assert (report.files[0].record_count, tables.loan_count) == (2_400, 2_400)
