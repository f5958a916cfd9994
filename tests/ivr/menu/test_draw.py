from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

from ivr.menu.definitions import Definitions
from ivr.menu.draw import draw_mermaid, draw_svg
from ivr.menu.load import targets
from ivr.menu.model import Menu

SVG = "{http://www.w3.org/2000/svg}"


def main(shipped: Definitions) -> Menu:
    return next(menu for menu in shipped.menus if menu.name == "main")


def test_mermaid_holds_every_node_once_and_every_choice(shipped: Definitions) -> None:
    menu = main(shipped)
    text = draw_mermaid(menu, shipped.prompts)
    assert text.startswith("flowchart LR\n")
    for name, node in menu.nodes.items():
        assert len(re.findall(rf"(?m)^  {name}\[", text)) == 1
        assert len(re.findall(rf"(?m)^  {name} -- ", text)) == len(list(targets(node)))


def test_every_arrow_of_mermaid_leads_to_a_box(shipped: Definitions) -> None:
    text = draw_mermaid(main(shipped), shipped.prompts)
    boxes = set(re.findall(r"(?m)^  (\w+)\[", text))
    ends = set(re.findall(r"--> (\w+)", text))
    assert ends <= boxes


def test_quotes_in_a_text_do_not_break_mermaid(shipped: Definitions) -> None:
    book = shipped.prompts
    zh = {**book.texts["zh"], "m_main": '请"按"1'}
    text = draw_mermaid(main(shipped), replace(book, texts={**book.texts, "zh": zh}))
    assert all(line.count('"') % 2 == 0 for line in text.splitlines())


def test_svg_is_a_picture_in_which_no_box_covers_another(shipped: Definitions) -> None:
    root = ET.fromstring(draw_svg(main(shipped), shipped.prompts))  # noqa: S314 - our own text
    boxes = [
        tuple(float(box.attrib[name]) for name in ("x", "y", "width", "height"))
        for box in root.iter(f"{SVG}rect")
    ]
    width, height = (float(size) for size in root.attrib["viewBox"].split()[2:])
    assert len(boxes) > len(main(shipped).nodes)
    for number, (x, y, w, h) in enumerate(boxes):
        assert x >= 0
        assert x + w <= width
        assert y >= 0
        assert y + h <= height
        for a, b, c, d in boxes[number + 1 :]:
            assert x + w <= a or a + c <= x or y + h <= b or b + d <= y


def test_signs_of_markup_in_a_text_do_not_break_svg(shipped: Definitions) -> None:
    book = shipped.prompts
    zh = {**book.texts["zh"], "m_main": '<b>&"'}
    root = ET.fromstring(  # noqa: S314 - our own text
        draw_svg(main(shipped), replace(book, texts={**book.texts, "zh": zh}))
    )
    assert '<b>&"' in {text.text for text in root.iter(f"{SVG}text")}


def test_a_direct_number_is_drawn_too(shipped: Definitions) -> None:
    direct = next(menu for menu in shipped.menus if menu.name == "direct")
    assert "queue anyone" in draw_mermaid(direct, shipped.prompts)
    assert "queue anyone" in draw_svg(direct, shipped.prompts)
