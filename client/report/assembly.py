"""A report out of the data: the head and all sections."""

from client.report.document import Head, Report
from client.report.drawing.svg import DRAWN_WITH
from client.report.reading.data import GIVEN, ReportData, Settings
from client.report.sections.order import sections_of
from client.sdk.errors import DecodeError

FLIP_LEVELS, SERVICING_FEE, LOSS_GIVEN_DEFAULT = "flip levels", "servicing fee ppm", "loss given default ppm"


def make_report(data: ReportData) -> Report:
    """Return the report of a pack; the same data give the same report."""
    return Report(head=head_of(data), sections=sections_of(data))


def head_of(data: ReportData) -> Head:
    """Return what the report is of, and the settings that it can be made again with."""
    settings, chain = data.settings, data.chain
    listed: list[tuple[str, int | str]] = [
        (FLIP_LEVELS, int(settings.is_flipped)),
        (SERVICING_FEE, settings.servicing_fee_ppm),
        (LOSS_GIVEN_DEFAULT, settings.loss_given_default_ppm),
    ]
    for name, file in files_of(data).items():
        listed.append((name, file))
    return Head(
        pack_id=data.pack_id,
        block=chain.block,
        block_hash=chain.block_hash(),
        second=chain.block_second(),
        chain_id=chain.chain_id,
        registry=chain.registry,
        audience=settings.audience,
        currency=data.currency,
        settings=tuple(listed),
        given=tuple(need for need in GIVEN if need in data.available()),
        drawn_with=DRAWN_WITH,
    )


def files_of(data: ReportData) -> dict[str, str]:
    """Return name and hash of each file beside the chain that figures come from."""
    files = {"outcomes": data.outcomes_name, "book": data.book_name}
    return {name: file for name, file in files.items() if name in data.available()}


def settings_of(head: Head) -> Settings:
    """Return the settings that a report was made with."""
    named = dict(head.settings)
    values = [named.get(name) for name in (FLIP_LEVELS, SERVICING_FEE, LOSS_GIVEN_DEFAULT)]
    match values:
        case [int(flipped), int(fee), int(given_default)]:
            return Settings(
                audience=head.audience,
                is_flipped=bool(flipped),
                servicing_fee_ppm=fee,
                loss_given_default_ppm=given_default,
            )
        case _:
            raise DecodeError("settings of a report", got="others", expected="those of this version")
