import json
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from client.cli import app as root
from client.cli.app import common_first, run
from client.cli.session import Settings
from client.sdk import keystore
from client.sdk.errors import ConfigError


def _commands(command, path=()):
    """Yield the path of every command that does something, and that of the root."""
    children = getattr(command, "commands", {})
    if not children or not path:
        yield path
    for name, child in children.items():
        yield from _commands(child, (*path, name))


ALL_COMMANDS = sorted(_commands(typer.main.get_command(root.build())))


@pytest.mark.parametrize("path", ALL_COMMANDS, ids=" ".join)
def test_help_of_every_command_shows_an_example_of_it(path):
    result = CliRunner().invoke(root.build(), [*path, "--help"])
    assert result.exit_code == 0
    _, found, example = " ".join(result.stdout.split()).partition("Example: tranchain ")
    assert found
    assert " ".join(path) in example


@pytest.mark.parametrize("group", ["risk", "pack", "exchange"])
def test_commands_of_the_main_job_do_not_wait_for_what_they_do_not_use(group):
    program = f"import sys, client.__main__, client.cli.{group}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"sqlalchemy", "onnxruntime", "pandas", "py_ecc.optimized_bls12_381"} & set(loaded.stdout.split())


def test_groups_of_the_main_job_are_there():
    groups = {path[0] for path in ALL_COMMANDS if path}
    assert {"admin", "keys"} <= groups


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_no_command_shows_the_help(arguments, capsys):
    assert run(arguments) == 0
    assert "Commands:" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["nothing"], ["admin", "nothing"], ["--nothing"], ["admin", "approve", "x"]])
def test_wrong_usage_is_one_line_and_exit_code_2(arguments, capsys):
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1


def test_group_without_a_command_shows_its_help_as_wrong_usage(capsys):
    assert run(["admin"]) == 2
    assert "Usage: tranchain admin" in capsys.readouterr().err


def test_node_that_is_not_there_is_one_line_and_exit_code_3(capsys):
    assert run(["admin", "status", "--rpc", "http://127.0.0.1:1"]) == 3
    assert capsys.readouterr().err == "error: the node is not available: no connection (127.0.0.1:1)\n"


def test_missing_option_is_named_with_its_environment_variable(capsys, monkeypatch):
    monkeypatch.delenv("TRANCHAIN_RPC", raising=False)
    assert run(["admin", "status"]) == 1
    expected = "error: --rpc: got nothing, expected the URL of a node (or TRANCHAIN_RPC, or a profile)\n"
    assert capsys.readouterr().err == expected


def test_error_in_json_mode_is_one_json_line(capsys):
    assert run(["--json", "admin", "status", "--rpc", "http://127.0.0.1:1"]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert json.loads(captured.err) == {
        "error": {"kind": "unavailable", "message": "the node is not available: no connection (127.0.0.1:1)"}
    }


def test_debug_shows_the_traceback_before_the_line(capsys):
    assert run(["admin", "status", "--rpc", "nonsense", "--debug"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("Traceback")
    assert error.endswith("error: RPC URL: got nonsense, expected http:// or https://\n")


def test_wrong_password_is_one_line_and_exit_code_1(tmp_path, capsys):
    path = tmp_path / "bureau.json"
    keystore.create_account(path, "right", scrypt_n=1 << 8)
    (tmp_path / "password").write_text("wrong\n")
    options = ["--keystore", str(path), "--password-file", str(tmp_path / "password")]
    assert run(["keys", "announce", "--rpc", "http://127.0.0.1:1", *options]) == 1
    assert capsys.readouterr().err == f"error: {path}: got wrong password\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["admin", "status", "--json"], (["--json"], ["admin", "status"])),
        (["admin", "--rpc", "url", "status"], (["--rpc", "url"], ["admin", "status"])),
        (["admin", "--rpc=url", "status"], (["--rpc=url"], ["admin", "status"])),
        (["pack", "show", "--", "--json"], ([], ["pack", "show", "--", "--json"])),
        (["pack", "--rpc"], ([], ["pack", "--rpc"])),
    ],
)
def test_common_options_stand_anywhere_before_the_double_dash(arguments, expected):
    assert common_first(arguments) == expected


def test_environment_gives_common_options(capsys, monkeypatch):
    monkeypatch.setenv("TRANCHAIN_RPC", "http://127.0.0.1:1")
    assert run(["admin", "status"]) == 3
    assert "the node is not available" in capsys.readouterr().err


def test_profile_gives_what_is_missing_with_paths_beside_itself(tmp_path):
    profile = tmp_path / "profile.toml"
    profile.write_text('rpc = "http://profile"\nvault = "http://vault"\nkeystore = "keys/a.json"\n')
    settings = Settings(rpc="http://given").completed_by(profile)
    assert settings == Settings(
        rpc="http://given", vault="http://vault", keystore=tmp_path / "keys/a.json", password_file=None
    )


@pytest.mark.parametrize(
    ("text", "problem"), [("rcp = 'x'", "got rcp"), ("rpc = 3", "got rpc"), ("rpc", "expected TOML")]
)
def test_profile_that_cannot_be_used_is_refused(tmp_path, text, problem):
    profile = tmp_path / "profile.toml"
    profile.write_text(text)
    with pytest.raises(ConfigError, match=problem):
        Settings().completed_by(profile)


def test_profile_that_is_missing_is_one_line_and_exit_code_1(tmp_path, capsys):
    assert run(["admin", "status", "--config", str(tmp_path / "none.toml")]) == 1
    assert "No such file or directory" in capsys.readouterr().err
