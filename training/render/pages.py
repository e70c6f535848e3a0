"""Pages as HTML: articles, dashboards, tables, terminals, forms, chats, slides, posters, invoices, diagrams."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from numpy.random import Generator

from training.render.words import code, colour, number, paragraph, phrase, word

FONTS = ("DejaVu Sans", "DejaVu Serif", "DejaVu Sans Mono", "Liberation Sans", "Liberation Serif", "Noto Sans", "serif")


def _page(rng: Generator, body: str, extra: str = "") -> str:
    font = FONTS[int(rng.integers(len(FONTS)))]
    dark = rng.random() < 0.25
    ink, paper = (colour(rng, 180), colour(rng, 0, 50)) if dark else (colour(rng, 0, 80), colour(rng, 225))
    style = f"body{{font:{int(rng.integers(11, 22))}px '{font}';color:{ink};background:{paper};margin:0;{extra}}}"
    common = (
        "td,th{padding:4px 9px;border:1px solid #9996}table{border-collapse:collapse}"
        f"h1,h2,th{{color:{colour(rng, 0, 200)}}}.bar{{background:{colour(rng)};color:#fff;padding:9px}}"
        f".card{{border:1px solid #8886;border-radius:{int(rng.integers(0, 16))}px;padding:12px;margin:8px;"
        f"background:{colour(rng, 60 if dark else 200)}}}.row{{display:flex;flex-wrap:wrap}}"
        f"button{{background:{colour(rng, 40, 220)};color:#fff;border:0;padding:7px 14px;margin:5px;border-radius:5px}}"
    )
    return f"<!doctype html><meta charset=utf-8><style>{style}{common}</style><body>{body}"


def article(rng: Generator) -> str:
    """A text with a menu and headings, in one to three columns."""
    menu = " &nbsp; ".join(phrase(rng, 1, 2) for _ in range(int(rng.integers(3, 8))))
    parts = "".join(f"<h2>{phrase(rng)}</h2><p>{paragraph(rng)}</p>" for _ in range(int(rng.integers(3, 9))))
    columns = int(rng.integers(1, 4))
    text = f"<h1>{phrase(rng)}</h1>{parts}"
    return _page(rng, f"<div class=bar>{menu}</div><div style='padding:20px;column-count:{columns}'>{text}</div>")


def dashboard(rng: Generator) -> str:
    """Cards with figures and little charts."""
    cards = "".join(
        f"<div class=card style='min-width:{int(rng.integers(120, 300))}px'><small>{phrase(rng, 1, 3)}</small>"
        f"<h1>{number(rng)}</h1>{spark(rng)}</div>"
        for _ in range(int(rng.integers(4, 14)))
    )
    return _page(rng, f"<div class=bar>{phrase(rng)}</div><div class=row>{cards}</div>{_table(rng, 6)}")


def spark(rng: Generator) -> str:
    """A small line or bar chart as SVG."""
    heights = rng.uniform(5, 55, int(rng.integers(5, 24)))
    ink = colour(rng)
    if rng.random() < 0.5:
        points = " ".join(f"{index * 9},{height:.0f}" for index, height in enumerate(heights))
        shape = f"<polyline points='{points}' fill=none stroke='{ink}' stroke-width=2 />"
    else:
        shape = "".join(
            f"<rect x={index * 9} y={60 - height:.0f} width=7 height={height:.0f} fill='{ink}' />"
            for index, height in enumerate(heights)
        )
    return f"<svg width=220 height=60>{shape}</svg>"


def _table(rng: Generator, rows: int) -> str:
    columns = int(rng.integers(3, 9))
    head = "".join(f"<th>{phrase(rng, 1, 2)}</th>" for _ in range(columns))
    body = "".join(
        "<tr>"
        + "".join(f"<td>{word(rng) if rng.random() < 0.3 else number(rng)}</td>" for _ in range(columns))
        + "</tr>"
        for _ in range(rows)
    )
    return f"<table style='margin:10px'><tr>{head}</tr>{body}</table>"


def spreadsheet(rng: Generator) -> str:
    """A tight grid of cells."""
    return _page(rng, f"<div class=bar>{phrase(rng)}</div>{_table(rng, int(rng.integers(12, 40)))}")


def terminal(rng: Generator) -> str:
    """An editor or a shell: lines of code in colours."""
    lines = "".join(
        f"<div><span style='color:#888'>{index:3d} </span><span style='color:{colour(rng, 90)}'>{line}</span></div>"
        for index, line in enumerate(code(rng, int(rng.integers(15, 45))))
    )
    pre = f"<pre style='background:{colour(rng, 0, 60)};margin:0;padding:10px;font-size:{int(rng.integers(11, 19))}px'>"
    return _page(rng, f"<div class=bar>{word(rng)}.py — {phrase(rng)}</div>{pre}{lines}</pre>")


def form(rng: Generator) -> str:
    """Fields, check boxes and buttons."""
    fields = "".join(
        f"<p>{phrase(rng, 1, 3)}<br><input value='{phrase(rng, 1, 3)}' size={int(rng.integers(15, 50))}> "
        f"<input type=checkbox {'checked' if rng.random() < 0.5 else ''}> {word(rng)}</p>"
        for _ in range(int(rng.integers(4, 11)))
    )
    buttons = "".join(f"<button>{phrase(rng, 1, 2)}</button>" for _ in range(int(rng.integers(1, 5))))
    return _page(rng, f"<div class=card style='margin:40px'><h1>{phrase(rng)}</h1>{fields}{buttons}</div>")


def chat(rng: Generator) -> str:
    """Speech bubbles left and right."""
    bubbles = "".join(
        f"<div style='text-align:{'right' if rng.random() < 0.5 else 'left'}'><span class=card "
        f"style='display:inline-block;max-width:60%'>{paragraph(rng, 3, 25)}</span></div>"
        for _ in range(int(rng.integers(4, 12)))
    )
    return _page(rng, f"<div class=bar>{phrase(rng, 1, 2)}</div>{bubbles}")


def slide(rng: Generator) -> str:
    """A title, points, maybe a chart; coloured or gradient ground."""
    points = "".join(f"<li>{phrase(rng, 3, 9)}</li>" for _ in range(int(rng.integers(2, 7))))
    ground = f"background:linear-gradient({int(rng.integers(360))}deg,{colour(rng, 120)},{colour(rng, 160)});"
    picture = f"<div style='zoom:{rng.uniform(1.5, 3.5):.1f}'>{spark(rng)}</div>" if rng.random() < 0.6 else ""
    body = f"<div style='padding:6%;font-size:{int(rng.integers(22, 36))}px'><h1>{phrase(rng)}</h1><ul>{points}</ul>"
    return _page(rng, f"{body}{picture}</div>", ground if rng.random() < 0.6 else "")


def poster(rng: Generator) -> str:
    """Large words over flat shapes."""
    shapes = "".join(
        f"<div style='position:absolute;left:{rng.uniform(-10, 90):.0f}%;top:{rng.uniform(-10, 90):.0f}%;"
        f"width:{rng.uniform(5, 60):.0f}vw;height:{rng.uniform(5, 60):.0f}vw;opacity:{rng.uniform(0.3, 1):.1f};"
        f"background:{colour(rng)};border-radius:{int(rng.integers(0, 3)) * 25}%;"
        f"transform:rotate({int(rng.integers(90))}deg)'></div>"
        for _ in range(int(rng.integers(2, 12)))
    )
    words = "".join(
        f"<div style='position:relative;padding:3%;font-size:{rng.uniform(3, 12):.0f}vw;font-weight:bold;"
        f"color:{colour(rng)}'>{phrase(rng, 1, 4)}</div>"
        for _ in range(int(rng.integers(1, 4)))
    )
    return _page(rng, shapes + words, "overflow:hidden;")


def invoice(rng: Generator) -> str:
    """A printed page: letterhead, table, small print."""
    head = f"<h1>{phrase(rng, 1, 3)}</h1><p>{phrase(rng)}<br>{number(rng)} {word(rng)}</p>"
    rows = _table(rng, int(rng.integers(3, 14)))
    body = f"{head}{rows}<p>{paragraph(rng)}</p><small>{paragraph(rng)}</small>"
    return _page(rng, f"<div style='background:#fff;color:#111;padding:7%;margin:3%'>{body}</div>")


def diagram(rng: Generator) -> str:
    """Boxes and arrows."""
    count = int(rng.integers(4, 14))
    spots = rng.uniform((2, 2), (85, 88), (count, 2))
    lines = "".join(
        f"<line x1='{a[0] + 6:.0f}%' y1='{a[1] + 4:.0f}%' x2='{b[0] + 6:.0f}%' y2='{b[1] + 4:.0f}%' stroke='#777' "
        f"stroke-width='{int(rng.integers(1, 4))}' />"
        for a, b in itertools.pairwise(spots)
    )
    boxes = "".join(
        f"<rect x='{x:.0f}%' y='{y:.0f}%' width='13%' height='9%' rx='{int(rng.integers(0, 20))}' "
        f"fill='{colour(rng, 120)}' stroke='#333' /><text x='{x + 1:.0f}%' y='{y + 5:.0f}%'>{phrase(rng, 1, 2)}</text>"
        for x, y in spots
    )
    return _page(rng, f"<svg style='width:100vw;height:100vh'>{lines}{boxes}</svg>", "overflow:hidden;")


# Source -> the kinds of page in it. Each source is held out whole.
PAGES: dict[str, tuple[Callable[[Generator], str], ...]] = {
    "rendered-screens": (article, dashboard, spreadsheet, terminal, form, chat),
    "rendered-slides": (slide, poster, diagram),
    "rendered-documents": (invoice, article),
}
