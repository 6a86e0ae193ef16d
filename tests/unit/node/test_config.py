"""Configuration: flags over file over defaults; every mistake names its place."""

from pathlib import Path

import pytest

from chain_node.core.errors import ConfigError
from chain_node.node.config import load_config

MINIMAL = 'genesis = "g.json"\ndata_dir = "d"\n'


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "node.toml"
    path.write_text(text)
    return path


def test_paths_of_the_file_are_relative_to_it(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, MINIMAL), {})
    assert (config.genesis, config.data_dir) == (tmp_path / "g.json", tmp_path / "d")
    assert config.validator_key_path == tmp_path / "d" / "validator.key"
    assert config.listen_address == ("127.0.0.1", 8545)


def test_flags_win_over_the_file_and_missing_flags_do_not(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL + 'rpc_listen = "0.0.0.0:1"\nvault = false\n')
    config = load_config(path, {"rpc_listen": "[::1]:2", "vault": None, "genesis": Path("other.json")})
    assert config.listen_address == ("::1", 2)
    assert config.vault is False
    assert config.genesis == Path("other.json")


def test_flags_alone_are_enough() -> None:
    config = load_config(None, {"genesis": Path("g.json"), "data_dir": Path("d")})
    assert config.build_budget_ms == 400


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nonsense", "not TOML"),
        ("", "genesis: missing; give it in the file or as --genesis"),
        ('genesis = "g.json"', "data_dir: missing; give it in the file or as --data-dir"),
        (MINIMAL + 'colour = "red"', "colour: unknown key"),
        (MINIMAL + 'rpc_listen = "8545"', "got '8545', expected HOST:PORT"),
        (MINIMAL + 'rpc_listen = "h:65536"', "expected HOST:PORT"),
        (MINIMAL + 'p2p_listen = "30303"', "p2p_listen: got '30303', expected HOST:PORT"),
        (MINIMAL + 'p2p_listen = "h:1"\np2p_peers = ["h"]', "p2p_peers: got 'h', expected HOST:PORT"),
        (MINIMAL + 'p2p_peers = ["h:1"]', "p2p_peers: needs p2p_listen"),
        (MINIMAL + 'vault = "yes"', "vault: Input should be a valid boolean"),
        (MINIMAL + 'log_level = "loud"', "log_level: Input should be 'debug', 'info', 'warning' or 'error'"),
        (MINIMAL + "build_budget_ms = 9", "build_budget_ms: Input should be greater than or equal to 10"),
        (MINIMAL + "rpc_allowed_origins = 3", "rpc_allowed_origins"),
        ("genesis = 3", "genesis"),
    ],
)
def test_mistake_names_file_and_key(tmp_path: Path, text: str, expected: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as refused:
        load_config(path, {})
    assert str(path) in str(refused.value)
    assert expected in str(refused.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file or directory"):
        load_config(tmp_path / "none.toml", {})


def test_papers_of_the_network_lie_in_the_data_directory_unless_told_otherwise(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, MINIMAL + 'p2p_listen = "h:1"\np2p_ca = "all.pem"\n'), {})
    assert config.p2p_address == ("h", 1)
    assert config.p2p_key_path == tmp_path / "d" / "tls.key"
    assert config.p2p_certificate_path == tmp_path / "d" / "tls.pem"
    assert config.p2p_ca_path == tmp_path / "all.pem"
    assert load_config(write(tmp_path, MINIMAL), {}).p2p_address is None
