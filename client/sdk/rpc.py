"""The JSON-RPC connection: one web3 instance, and its many exceptions turned into the three kinds of ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from web3 import Web3
from web3.exceptions import ContractLogicError, TimeExhausted, Web3Exception, Web3RPCError
from web3.middleware import ExtraDataToPOAMiddleware

from client.sdk.errors import RefusedError, UnavailableError
from client.sdk.nodes import NodePool

METHOD_NOT_FOUND = -32601
METHOD_NOT_ENABLED = -32604
LIMIT_EXCEEDED = -32005


class NodeRefusedError(RefusedError):
    """The node answered a request with a JSON-RPC error. `code` is the error's code."""

    def __init__(self, why: str, code: int):
        """Keep the code beside the sentence."""
        self.code = code
        super().__init__("the node", why)


def connect(nodes: NodePool) -> Web3:
    """Return a web3 instance that speaks to the nodes; nothing is sent yet."""
    # One middleware only: web3's usual ones ask for the chain id with every call; this one takes our long extraData.
    return Web3(nodes, middleware=[(ExtraDataToPOAMiddleware, "extra_data")])


@contextmanager
def translated(service: str = "the node") -> Iterator[None]:
    """Turn failures of the connection and of the node into UnavailableError and NodeRefusedError.

    ContractLogicError passes: who asked knows which contract it was.
    """
    try:
        yield
    except ContractLogicError:
        raise
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else "without a status"
        raise UnavailableError(service, f"HTTP {status}") from error
    except TimeExhausted as error:
        raise UnavailableError(service, str(error)) from error
    except Web3RPCError as error:
        raise _node_refusal(error) from error
    except (Web3Exception, requests.RequestException) as error:
        raise UnavailableError(service, f"it answered with something else ({type(error).__name__})") from error


def _node_refusal(error: Web3RPCError) -> NodeRefusedError:
    answer: dict[str, Any] = dict(error.rpc_response or {})
    body = answer.get("error")
    if isinstance(body, dict):
        return NodeRefusedError(str(body.get("message", "no reason given")), int(body.get("code", 0)))
    return NodeRefusedError(str(body or error.message), 0)
