import random
import re

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount

from client.report.document import Report
from client.report.page import make_page
from client.report.signature import sign_page, split_page
from client.report.verification import read_signed
from client.sdk.errors import DecodeError, InvalidInputError
from tests.unit.report.made_up import made_up_report

FLIPS = 60


@pytest.fixture(scope="module")
def author() -> LocalAccount:
    account: LocalAccount = Account.from_key(b"\x07" * 32)
    return account


@pytest.fixture(scope="module")
def report() -> Report:
    return made_up_report()


@pytest.fixture(scope="module")
def page(report: Report) -> str:
    return make_page(report)


def flipped(text: str, place: int) -> str:
    """Return the text with another digit at a place."""
    other = str((int(text[place]) + 1) % 10)
    return text[:place] + other + text[place + 1 :]


def problems(signed: str) -> tuple[str, ...]:
    try:
        return read_signed(signed).problems
    except InvalidInputError as error:
        return (str(error),)


def test_a_page_as_it_was_signed_has_no_problem(report: Report, page: str, author: LocalAccount) -> None:
    found = read_signed(sign_page(page, report.head, author))
    assert (found.report, found.author, found.problems) == (report, author.address, ())


def test_every_flipped_digit_breaks_the_signature(report: Report, page: str, author: LocalAccount) -> None:
    signed = sign_page(page, report.head, author)
    digits = [found.start() for found in re.finditer(r"\d", signed)]
    for place in random.Random(1).sample(digits, FLIPS):
        assert problems(flipped(signed, place)), signed[place - 40 : place + 20]


def test_every_flipped_digit_of_what_is_seen_is_found_though_it_is_signed_again(
    report: Report, page: str, author: LocalAccount
) -> None:
    end = page.index('<script type="application/json"')
    digits = [found.start() for found in re.finditer(r"\d", page[:end])]
    texts = [found.start(1) for found in re.finditer(r">[^<>]*?(\d)[^<>]*<", page[:end])]
    chosen = random.Random(2).sample(digits, FLIPS) + texts
    for place in chosen:
        changed = sign_page(flipped(page, place), report.head, author)
        assert any("its figures give" in each for each in problems(changed)), page[place - 40 : place + 20]


def test_a_signature_of_another_account_is_found(report: Report, page: str, author: LocalAccount) -> None:
    other = Account.from_key(b"\x08" * 32)
    forged = sign_page(page, report.head, other).replace(other.address, author.address)
    assert any("signature" in each for each in problems(forged))


@pytest.mark.parametrize("cut", [1, 40, 400])
def test_a_file_without_its_end_is_refused(report: Report, page: str, author: LocalAccount, cut: int) -> None:
    with pytest.raises(DecodeError, match="signature"):
        split_page(sign_page(page, report.head, author)[:-cut])


def test_what_is_added_is_found(report: Report, page: str, author: LocalAccount) -> None:
    added = page.replace("</main>", "<p>All is well.</p></main>")
    assert problems(sign_page(added, report.head, author))
    with pytest.raises(DecodeError, match="signature"):
        read_signed(sign_page(page, report.head, author) + "<p>All is well.</p>")
