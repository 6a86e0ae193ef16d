"""Files of relations."""

from __future__ import annotations

from pathlib import Path

from client.roles.bureau.derivation import Kind
from client.roles.bureau.relations import Relation, read_relations

HEADER = "subject_id,related_id,kind,distance,consented_on,related_consented_on\n"


def test_relations_are_read_and_bad_ones_listed_by_line(tmp_path: Path) -> None:
    path = tmp_path / "relations.csv"
    path.write_text(
        HEADER
        + "X1,X2,guarantor,1,2011-01-02,2011-01-03\n"
        + "X1,X3,Contact,10,2011-01-02,\n"
        + "X1,X4,cousin,2,2011-01-02,\n"
        + "X1,X5,contact,11,2011-01-02,\n"
        + "X1,X1,contact,1,2011-01-02,\n"
        + "X1,X2,contact,1,2011-01-02,\n"
        + "X6,X2,spouse,1,,2011-01-02\n"
    )
    relations, bad = read_relations(path)
    first = Relation(
        subject="X1",
        related="X2",
        kind=Kind.GUARANTOR,
        distance=1,
        consented_day=14_976,
        related_consented_day=14_977,
    )
    assert relations[0] == first
    assert [(one.related, one.kind, one.related_consented_day) for one in relations[1:]] == [("X3", Kind.CONTACT, None)]
    assert sorted((row.line, row.field) for row in bad) == [
        (4, "kind"),
        (5, "distance"),
        (6, "related_id"),
        (7, "related_id"),
        (8, "consented_day"),
    ]
