"""What `risk`, `pack`, `oracle` and `exchange` say to wrong arguments, before they look for a node."""

import pytest

from client.cli.app import run
from client.sdk.keystore import create_account

NOBODY = ["--rpc", "http://127.0.0.1:1", "--vault", "http://127.0.0.1:1"]


@pytest.fixture(scope="module")
def keystore(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    directory = tmp_path_factory.mktemp("keys")
    create_account(directory / "account.json", "password", scrypt_n=2)
    (directory / "password").write_text("password\n")
    return ["--keystore", str(directory / "account.json"), "--password-file", str(directory / "password")]


def error_of(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> tuple[int, str]:
    """Exit code and the one line of an error."""
    code = run(arguments)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1, captured.err
    assert captured.err.startswith("error: ")
    return code, captured.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["risk", "query", "1", "--purpose", "curiosity"], ["--purpose", "underwriting, monitoring, dispute, audit"]),
        (["pack", "assign", "1", "--document", "no-such.pdf"], ["no-such.pdf", "No such file"]),
        (["exchange", "issue", "P", "--pack", "1", "--reader", "no-such.json"], ["no-such.json"]),
        (["exchange", "verify", "P", "--model", "no-such"], ["no-such"]),
        (["oracle", "serve", "--auditor", "no-such.json"], ["no-such.json"]),
        (["risk", "model", "propose", "no-such"], ["no-such"]),
        (["risk", "screen", "1"], ["target", "--expected-bad-rate or --policy"]),
        (["risk", "screen", "1", "--policy", "no-such.toml"], ["no-such.toml", "No such file"]),
        (["risk", "screen", "1", "--expected-bad-rate", "10%", "--eligible", "age > 5"], ["rule of eligibility"]),
        (["risk", "what-if", "1", "--limit", "region_code 20"], ["limit", "SHARE%"]),
        (["risk", "invite", "--originator", "0x0", "--policy", "no-such.toml"], ["no-such.toml"]),
    ],
)
def test_wrong_argument_is_one_line_that_names_it(
    capsys: pytest.CaptureFixture[str], keystore: list[str], arguments: list[str], words: list[str]
) -> None:
    code, line = error_of(capsys, [*arguments, *NOBODY, *keystore])
    assert code == 1, line
    for word in words:
        assert word in line


@pytest.mark.parametrize(
    "arguments",
    [
        ["risk", "screen", "one", "--expected-bad-rate", "10%"],
        ["risk", "screen", "1", "--expected-bad-rate"],
        ["risk", "what-if"],
        ["risk", "invite"],
        ["pack", "submit", "loans.csv", "--pack", "1"],
        ["oracle", "serve"],
        ["oracle", "serve", "--auditor", "a.json", "--poll-ms", "1"],
        ["exchange", "issue", "P"],
    ],
)
def test_wrong_usage_is_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    code, line = error_of(capsys, [*arguments, *NOBODY])
    assert code == 2
    assert "--help" in line


@pytest.mark.parametrize(
    "arguments",
    [
        ["risk", "query", "1"],
        ["risk", "score", "1"],
        ["pack", "show", "1"],
        ["pack", "withdraw", "1"],
        ["exchange", "products"],
        ["exchange", "show", "P"],
        ["exchange", "accept", "1"],
    ],
)
def test_node_that_is_not_there_has_an_exit_code_of_its_own(
    capsys: pytest.CaptureFixture[str], keystore: list[str], arguments: list[str]
) -> None:
    code, line = error_of(capsys, [*arguments, *NOBODY, *keystore])
    assert code == 3
    assert "127.0.0.1:1" in line
