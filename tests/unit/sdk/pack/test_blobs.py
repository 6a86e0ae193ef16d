import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.sdk import canonical, cipher
from client.sdk.errors import DecodeError, TamperedError
from client.sdk.pack.blobs import PackedRow, decrypt_rows, encrypt_rows
from tests.unit.sdk.pack.samples import row

KEY = b"\x11" * 32


def packed(number: int) -> PackedRow:
    return PackedRow(salt=bytes([number]) * 32, row=row(number).to_bytes(), receipt=b"receipt %d" % number)


def test_rows_opened_again_are_the_same_in_order() -> None:
    rows = [packed(number) for number in (3, 1, 2)]
    opened = decrypt_rows(KEY, encrypt_rows(KEY, rows), what="rows")
    assert opened == rows
    assert [each.asset() for each in opened] == [row(3), row(1), row(2)]


def test_same_rows_make_another_blob_every_time() -> None:
    assert encrypt_rows(KEY, [packed(1)]) != encrypt_rows(KEY, [packed(1)])


def test_rows_are_not_readable_without_the_key() -> None:
    blob = encrypt_rows(KEY, [packed(1)])
    assert b"receipt" not in blob
    assert row(1).to_bytes()[:20] not in blob
    with pytest.raises(TamperedError, match="rows 5"):
        decrypt_rows(b"\x12" * 32, blob, what="rows 5")


@given(st.data())
def test_any_changed_byte_is_found(data: st.DataObject) -> None:
    blob = bytearray(encrypt_rows(KEY, [packed(1), packed(2)]))
    place = data.draw(st.integers(0, len(blob) - 1))
    blob[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(TamperedError):
        decrypt_rows(KEY, bytes(blob), what="rows")


@pytest.mark.parametrize("item", [[b"salt", b"row"], [b"salt", b"row", "receipt"], b"row", [b"s", b"r", b"c", b"d"]])
def test_content_of_another_shape_is_refused(item: canonical.Value) -> None:
    blob = cipher.encrypt(KEY, canonical.encode([item]))
    with pytest.raises(DecodeError, match="rows"):
        decrypt_rows(KEY, blob, what="rows")
