"""The 84 fields of ESMA Annex V, automobile underlying exposures, by their codes AUTL1 to AUTL84.

Source: Delegated Regulation (EU) 2020/1224, Annex V; formats and lists of Implementing Regulation (EU) 2020/1225.
"""

from typing import Final

from client.tapes.element import Element, Kind

NAMESPACE_BEGIN: Final = "urn:esma:xsd:"
"""Of ESMA's schemas; a file without any namespace is taken too."""
RECORD: Final = "UndrlygXpsrRcrd"
"""One exposure. Below it, at any depth, an element is named by its field code."""

_LINES: Final = """
1 NN text 28
2 NN text 1000
3 NN text 1000
4 NN text 1000
5 NN text 1000
6 NN date
7 NY date
8 NY date
9 NY date
10 YN text 5
11 YN integer
12 YN code EMRS EMBL EMUK UNEM SFEM NOEM STNT PNNR OTHR
13 NY code Y N
14 YN code PUBL LLCO PNTR INDV GOVT OTHR
15 YN code CNEO CEMO CNRO ENEO EEMO ENRO OTHR
16 YY amount
17 YN code GRAN DSPL CORP OTHR NITS NITX NTIN ENIS EITX EISS
18 YY text 3
19 YN code SCRT SCNF VRFD NVRF SCRG OTHR
20 YY amount
21 YY text 3
22 YY text 10000
23 NY code PPUR PHIR HIRP LEAP FNLS OPLS OTHR
24 YN date
25 NY date
26 YY integer
27 YY code ADLR BROK DIRE IDRT OTHR
28 NN text 3
29 YY amount
30 NY amount
31 NY ratio
32 YN code FRXX DEXX FIXE BLLT OTHR
33 NY date
34 NY code MNTH QUTR SEMI YEAR OTHR
35 NY code MNTH QUTR SEMI YEAR OTHR
36 YN code CDTX SORD CHKX CASH OTHR BTRA
37 NY amount
38 YY amount
39 YY amount
40 NY ratio
41 NY code MAAA FUSW LIBI LIBO SWAP TREA EURI PFAN EONA +
EONS EUUS EUCH TIBO ISDA GCFR STBO BBSW JIBA BUBO CDOR CIBO MOSP NIBO PRBO TLBO WIBO BOER ECBR LDOR OTHR
42 NY code OVNG INDA DAIL WEEK TOWK MNTH TOMN QUTR FOMN SEMI YEAR ONDE OTHR
43 NY ratio
44 NY integer
45 NY ratio
46 NY ratio
47 YN integer
48 YY ratio
49 NY amount
50 YY date
51 YY date
52 YY amount
53 YN text 100
54 YN text 100
55 YY integer
56 YN code NEWX USED DEMO OTHR
57 YY code EPCA EPCB EPCC EPCD EPCE EPCF EPCG OTHR
58 YY text 100
59 YN ratio
60 YN amount
61 YY amount
62 NY amount
63 NY amount
64 NY amount
65 NY date
66 YY date
67 YY date
68 NN amount
69 NN integer
70 NN code PERF RNAR RARR DFLT NDFT DTCR DADB ARRE REBR REDF RERE RESS REOT RDMD OTHR
71 YY code UPXX PDXX UPPD
72 NY amount
73 NY date
74 NY amount
75 YY amount
76 NY amount
77 NY amount
78 NY amount
79 YY text 100
80 YY text 20
81 YY text 2
82 NN text 100
83 NN text 20
84 NN text 2
"""
"""Number, no-data codes allowed (Y or N for ND1-ND4, then for ND5), kind and its codes or length; + goes on below."""


def _element(line: str) -> Element:
    number, no_data, word, *rest = line.split()
    name = f"AUTL{number}"
    allowed = "" if no_data == "NN" else no_data
    if word == "code":
        return Element(name=name, kind=Kind.CODE, codes=tuple(rest), no_data=allowed)
    if word == "text":
        return Element(name=name, kind=Kind.TEXT, length=int(rest[0]), no_data=allowed)
    return Element(name=name, kind=Kind(word), no_data=allowed)


ELEMENTS: Final = {element.name: element for element in map(_element, _LINES.replace(" +\n", " ").strip().splitlines())}
