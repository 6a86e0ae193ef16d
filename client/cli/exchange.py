"""`tranchain exchange`: title, issuance, and what an investor can check."""

from pathlib import Path
from typing import Annotated

import typer

from client.cli.finality import (
    FINALITY_SECONDS,
    FinalitySeconds,
    WantedFinality,
    check_wanted,
    conclude,
    finality_fields,
    settle,
)
from client.cli.session import session_of
from client.model.committed import DEFAULT_MODEL
from client.roles.exchange import issuance
from client.sdk.errors import InvalidInputError, TamperedError
from client.sdk.keystore import unlock
from client.sdk.pack.reader import read_pack

app = typer.Typer(name="exchange", help="Exchange and trustee: title, issuance, verification.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Product name, at most 32 bytes.")]


@app.command()
def accept(
    context: typer.Context,
    pack: Annotated[int, typer.Argument(help="Pack id.")],
    finality: WantedFinality = None,
    finality_seconds: FinalitySeconds = FINALITY_SECONDS,
) -> None:
    """Take title of an assigned pack for the SPV (account with the role TRUSTEE), and wait until that is final.

    Example: tranchain --keystore trustee.json exchange accept 1
    """
    session = session_of(context)
    check_wanted(finality)
    receipt = issuance.accept_transfer(session.chain, session.identity, pack)
    settled = settle(session, receipt, finality, finality_seconds)
    session.console.result({"pack": pack, "trustee": session.identity.address, **finality_fields(settled)})
    conclude(session, settled, finality)


@app.command()
def issue(
    context: typer.Context,
    name: Name,
    pack: Annotated[int, typer.Option(help="Pack id.")],
    reader: Annotated[Path, typer.Option(help="Keystore of an account that may read the rows (trustee or auditor).")],
    document: Annotated[Path | None, typer.Option(help="Offering document; default: a term sheet.")] = None,
    finality: WantedFinality = None,
    finality_seconds: FinalitySeconds = FINALITY_SECONDS,
) -> None:
    """Issue a product on a transferred pack and wait until that is final; its figures come from what was kept.

    Example: tranchain --keystore exchange.json exchange issue LC-2011-1 --pack 1 --reader trustee.json
    """
    session = session_of(context)
    check_wanted(finality)
    chain, identity = session.chain, session.identity
    reading = unlock(reader, session.password)
    with session.vault_as(reading) as vault:
        rows = read_pack(chain, vault, reading, pack)
    content = _content(document) if document else None
    receipt = issuance.issue(chain, session.vault, identity, name=name, pack=rows, document=content)
    settled = settle(session, receipt, finality, finality_seconds)
    session.console.result({**_product(issuance.read_product(chain, name)), **finality_fields(settled)})
    conclude(session, settled, finality)


@app.command()
def show(context: typer.Context, name: Name) -> None:
    """Show a product, and how final its issuance is by now.

    Example: tranchain exchange show LC-2011-1
    """
    session = session_of(context)
    product = issuance.read_product(session.chain, name)
    answer = session.chain.finality(product.issued_block) or {}
    session.console.result(
        {
            **_product(product),
            "block": product.issued_block,
            "finality": answer.get("finality", "unknown"),
            "signers": answer.get("signers", []),
        },
        title=f"Product {name}",
    )


@app.command()
def products(context: typer.Context) -> None:
    """List the products, oldest first.

    Example: tranchain exchange products
    """
    session = session_of(context)
    session.console.result([{"product": name} for name in issuance.product_names(session.chain)], title="Products")


@app.command()
def verify(
    context: typer.Context,
    name: Name,
    model: Annotated[Path, typer.Option(help="Model package to score with.")] = DEFAULT_MODEL,
) -> None:
    """Recompute a product's every figure from chain and vault (account that rows were sealed to).

    Example: tranchain --keystore trustee.json exchange verify LC-2011-1
    """
    from client.model.manifest import ModelPackage  # here, as other commands need not wait for numpy
    from client.roles.exchange.verification import verify_product

    session = session_of(context)
    package = ModelPackage.load(model)
    product, checks = verify_product(session.chain, session.vault, session.identity, package, name)
    wrong = [check.figure for check in checks if not check.is_equal]
    rows = [
        {
            "figure": check.figure,
            "on_chain": check.on_chain,
            "recomputed": check.recomputed,
            "equal": check.is_equal,
            "source": check.source,
        }
        for check in checks
    ]
    session.console.result({"product": product.name, "pack": product.pack_id, "all_equal": not wrong, "checks": rows})
    if wrong:
        raise TamperedError(f"product {name}", got=f"other {', '.join(wrong)}", expected="the figures on chain")


def _product(product: issuance.Product) -> dict[str, object]:
    return {
        "product": product.name,
        "pack": product.pack_id,
        "run": product.run_id,
        "total_cents": product.total_cents,
        "assets_count": sum(tally.count for tally in product.level_tallies),
        "document": product.document_hash,
        "levels": [
            {"level": level, "assets_count": tally.count, "principal_classes_count": tally.class_sum}
            for level, tally in enumerate(product.level_tallies, start=1)
        ],
    }


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInputError(str(path), got=error.strerror or "a file that cannot be read") from error
