"""What is told of transcripts that were played: for people, JUnit XML, TAP."""

from __future__ import annotations

import json
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


def number(points: float) -> str:
    return f"{points:g}"


def table(outcomes: Sequence[Outcome]) -> str:
    rows = [("transcript", "examples", "points", "seconds")]
    for each in outcomes:
        won, total = each.points
        rows.append(
            (
                each.transcript.label,
                f"{each.passed_examples}/{each.all_examples}",
                f"{number(won)}/{number(total)}",
                f"{each.seconds:.1f}",
            )
        )
    widths = [max(len(row[n]) for row in rows) for n in range(4)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(row[n].rjust(widths[n]) for n in range(1, 4))])
        for row in rows
    ]
    return "\n".join([*lines, ""])


def as_json(outcomes: Sequence[Outcome]) -> str:
    told = [
        {
            "transcript": str(each.transcript.path),
            "folder": None if each.transcript.folder is None else str(each.transcript.folder),
            "passed": each.passed,
            "points": each.points[0],
            "points_possible": each.points[1],
            "seconds": round(each.seconds, 3),
            "error": each.failure.rstrip("\n") or None,
            "examples": [
                {
                    "line": e.line + 1,
                    "passed": ok,
                    "points": e.points * ok,
                    "points_possible": e.points,
                }
                for e, ok in each.verdicts
            ],
            "diff": "" if each.passed else each.diff(),
        }
        for each in outcomes
    ]
    return json.dumps(told, indent=1, ensure_ascii=False) + "\n"


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
            name=path.name
            if each.transcript.folder is None
            else f"{path.name} in {each.transcript.folder}",
            file=str(path),
            time=f"{each.seconds:.3f}",
        )
        won, total = each.points
        if total != each.all_examples:  # they are graded
            said = ElementTree.SubElement(case, "properties")
            for name, value in (("points", won), ("points_possible", total)):
                ElementTree.SubElement(said, "property", name=name, value=number(value))
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
        name = each.transcript.label.replace("#", "\\#")
        lines.append(f"{'ok' if each.passed else 'not ok'} {number} - {name}")
        if not each.passed:
            lines += [f"# {line}" for line in each.diff().rstrip("\n").split("\n")]
    return "\n".join(lines) + "\n"
