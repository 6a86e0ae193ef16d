"""The JSON-RPC connection: one web3 instance, and its many exceptions turned into the three kinds of ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import requests
from web3 import HTTPProvider, Web3
from web3.exceptions import ContractLogicError, TimeExhausted, Web3Exception, Web3RPCError
from web3.middleware import ExtraDataToPOAMiddleware
from web3.providers.rpc.utils import ExceptionRetryConfiguration

from client.sdk.errors import ConfigError, RefusedError, UnavailableError

METHOD_NOT_FOUND = -32601
LIMIT_EXCEEDED = -32005


class NodeRefusedError(RefusedError):
    """The node answered a request with a JSON-RPC error. `code` is the error's code."""

    def __init__(self, why: str, code: int):
        """Keep the code beside the sentence."""
        self.code = code
        super().__init__("the node", why)


def connect(rpc_url: str, *, timeout_s: float) -> Web3:
    """Return a web3 instance for an HTTP endpoint; nothing is sent yet."""
    if not rpc_url.startswith(("http://", "https://")):
        raise ConfigError("RPC URL", got=rpc_url, expected="http:// or https://")
    retry = ExceptionRetryConfiguration(
        errors=(requests.ConnectionError, requests.Timeout), retries=3, backoff_factor=0.1
    )
    provider = HTTPProvider(rpc_url, request_kwargs={"timeout": timeout_s}, exception_retry_configuration=retry)
    # One middleware only: web3's usual ones ask for the chain id with every call; this one takes our long extraData.
    return Web3(provider, middleware=[(ExtraDataToPOAMiddleware, "extra_data")])


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
    except (requests.ConnectionError, requests.Timeout) as error:
        why = "no connection" if _is_unconnected(error) else "no answer in time"
        raise UnavailableError(service, f"{why}{_place(error)}") from error
    except TimeExhausted as error:
        raise UnavailableError(service, str(error)) from error
    except Web3RPCError as error:
        raise _node_refusal(error) from error
    except (Web3Exception, requests.RequestException) as error:
        raise UnavailableError(service, f"it answered with something else ({type(error).__name__})") from error


def _place(error: requests.RequestException) -> str:
    """Return host and port that did not answer; the rest of a URL may hold secrets."""
    url = urlsplit(str(error.request.url)) if error.request is not None else None
    if url is None or url.hostname is None:
        return ""
    return f" ({url.hostname}:{url.port})" if url.port else f" ({url.hostname})"


def _is_unconnected(error: requests.RequestException) -> bool:
    return not isinstance(error, requests.Timeout)


def _node_refusal(error: Web3RPCError) -> NodeRefusedError:
    answer: dict[str, Any] = dict(error.rpc_response or {})
    body = answer.get("error")
    if isinstance(body, dict):
        return NodeRefusedError(str(body.get("message", "no reason given")), int(body.get("code", 0)))
    return NodeRefusedError(str(body or error.message), 0)
