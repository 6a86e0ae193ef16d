"""Tests of web3.py's suites that ask for what this node does not do, by reason; docs/json_rpc.md shows this table."""

SKIPPED: dict[str, tuple[str, ...]] = {
    "The node keeps no accounts: whoever sends signs.": (
        "test_eth_accounts",
        "test_eth_sign",
        "test_eth_sign_ens_names",
        "test_eth_sign_transaction",
        "test_eth_sign_transaction_ens_names",
        "test_eth_sign_transaction_hex_fees",
        "test_eth_sign_transaction_legacy",
        "test_eth_sign_typed_data",
        "test_invalid_eth_sign_typed_data",
        "test_async_eth_accounts",
        "test_async_eth_sign",
        "test_async_eth_sign_ens_names",
        "test_async_eth_sign_transaction",
        "test_async_eth_sign_transaction_ens_names",
        "test_async_eth_sign_transaction_hex_fees",
        "test_async_eth_sign_transaction_legacy",
    ),
    "No method changes the node: its operator has a command line.": (
        "test_add_peer",
        "test_admin_peers",
        "test_admin_start_stop_http",
        "test_admin_start_stop_ws",
    ),
    "Of a fork after London.": (
        "test_sign_authorization_send_raw_and_send_set_code_transactions",
        "test_async_sign_authorization_send_raw_and_send_set_code_transactions",
    ),
    "`eth_simulateV1` is not offered: no client needs it, `eth_call` with overrides and `debug_traceCall` are.": (
        "test_eth_simulate_v1",
    ),
    "`prestateTracer` is not offered: the state between two transactions of a block is not kept.": (
        "test_geth_debug_trace_transaction_prestate_tracer",
        "test_geth_debug_trace_transaction_prestate_tracer_diffmode",
        "test_async_geth_debug_trace_transaction_prestate_tracer",
        "test_async_geth_debug_trace_transaction_prestate_tracer_diffMode",
    ),
    "Asks for the name Geth.": ("test_async_node_info",),
    "Fails in web3.py 8.0.0 before anything is asked of a node: its name service does not fit pyunormalize 17.": (
        "test_eth_get_balance_with_ens_name",
        "test_eth_get_code_ens_address",
        "test_eth_get_storage_at_ens_name",
        "test_eth_get_transaction_count_ens_name",
        "test_solidity_keccak_ens",
        "test_async_eth_get_storage_at_ens_name",
    ),
    "Fails in web3.py 8.0.0 before anything is asked of a node: its signing adds a gas price to a fee cap.": (
        "test_gas_price_from_strategy_bypassed_for_dynamic_fee_txn",
    ),
}

STANDING = (
    "test_eth_getBlockByHash_pending",
    "test_eth_getBlockByNumber_pending",
    "test_eth_get_transaction_receipt_unmined",
    "test_eth_wait_for_transaction_receipt_unmined",
    "test_eth_modify_transaction",
    "test_eth_modify_transaction_legacy",
    "test_eth_replace_transaction",
    "test_eth_replace_transaction_legacy",
    "test_eth_replace_transaction_underpriced",
    "test_eth_replace_transaction_incorrect_nonce",
    "test_eth_replace_transaction_gas_price_too_low",
    "test_eth_replace_transaction_gas_price_defaulting_minimum",
    "test_eth_replace_transaction_gas_price_defaulting_strategy_higher",
    "test_eth_replace_transaction_gas_price_defaulting_strategy_lower",
    "test_async_eth_get_transaction_receipt_unmined",
    "test_async_eth_wait_for_transaction_receipt_unmined",
    "test_async_eth_replace_transaction",
    "test_async_eth_replace_transaction_legacy",
    "test_async_eth_replace_transaction_underpriced",
    "test_async_eth_replace_transaction_incorrect_nonce",
    "test_async_eth_replace_transaction_gas_price_too_low",
    "test_async_eth_replace_transaction_gas_price_defaulting_minimum",
    "test_async_eth_replace_transaction_gas_price_defaulting_strategy_higher",
    "test_async_eth_replace_transaction_gas_price_defaulting_strategy_lower",
)
"""Tests that need a transaction to wait, or no block to come between two questions."""

SOCKET_ONLY = ("test_eth_call_offchain_lookup_tries_next_url_for_non_4xx_error_status_and_tests_POST",)
"""Over the WebSocket only: the suite's stand-in for asynchronous HTTP drops the answer of a node unread."""

REASON_BY_TEST = {name: reason for reason, names in SKIPPED.items() for name in names}


def of_standing(suite: type) -> type:
    """The tests of a suite that need a network in which no block is decided."""
    return type("OfStanding", (), {name: getattr(suite, name) for name in STANDING if hasattr(suite, name)})


def without_standing(suite: type, *others: str) -> type:
    """The other tests of a suite."""
    return type("WithoutStanding", (suite,), {name: None for name in (*STANDING, *others) if hasattr(suite, name)})
