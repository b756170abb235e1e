"""What is told of transcripts that were played: for people, JUnit XML, TAP."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from .play import Outcome

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def summary(outcomes: Sequence[Outcome]) -> str:
    count = f"{len(outcomes)} transcript{'' if len(outcomes) == 1 else 's'}"
    failed = sum(not each.passed for each in outcomes)
    if not failed:
        return f"{count}: as expected"
    return f"{count}: {failed} differ{'s' if failed == 1 else ''}"


def junit(outcomes: Sequence[Outcome]) -> str:
    suite = ElementTree.Element(
        "testsuite",
        name="replwire-transcript",
        tests=str(len(outcomes)),
        failures=str(sum(not each.passed and not each.failure for each in outcomes)),
        errors=str(sum(bool(each.failure) for each in outcomes)),
        time=f"{sum(each.seconds for each in outcomes):.3f}",
    )
    for each in outcomes:
        path = each.transcript.path
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=".".join(path.parent.parts) or "transcripts",
            name=path.name,
            file=str(path),
            time=f"{each.seconds:.3f}",
        )
        if not each.passed:
            kind, message = ("error", "not played") if each.failure else ("failure", "differs")
            told = ElementTree.SubElement(case, kind, message=message)
            told.text = _NO_XML.sub("\ufffd", each.diff())
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def tap(outcomes: Sequence[Outcome]) -> str:
    lines = ["TAP version 13", f"1..{len(outcomes)}"]
    for number, each in enumerate(outcomes, 1):
        name = str(each.transcript.path).replace("#", "\\#")
        lines.append(f"{'ok' if each.passed else 'not ok'} {number} - {name}")
        if not each.passed:
            lines += [f"# {line}" for line in each.diff().rstrip("\n").split("\n")]
    return "\n".join(lines) + "\n"
