"""Records ``metaaligner demo`` in a terminal of 80 columns as an animated SVG.

    python docs/record_demo.py --output docs/demo.svg

The command runs in a real pseudo-terminal; what it writes is read by a terminal emulator (pyte),
and the screens it shows become the frames. No model is played: the edits are the default aligner's.
The picture needs neither script nor font from elsewhere; where motion is unwanted it stands still.
"""

import argparse
import html
import os
import pty
import struct
import subprocess
import sys
import time
from dataclasses import dataclass
from fcntl import ioctl
from itertools import groupby
from pathlib import Path
from termios import TIOCSWINSZ

import pyte

COLUMNS, LINES = 80, 26
WIDTH, HEIGHT = 8.43, 18  # pixels of a cell, at a font of 14 pixels
PROMPT = "$ metaaligner demo"
TYPING, READING, LAST = 0.06, 3.2, 7.0  # seconds that a letter, a screen, the last screen stand
COLOURS = {
    "default": "#d7dce2", "red": "#ff8f87", "green": "#7fdc9a", "blue": "#86b7ff",
    "brown": "#e7c66b", "yellow": "#e7c66b", "magenta": "#d7a3f0", "cyan": "#7fd6dc",
}  # fmt: skip


@dataclass(frozen=True)
class Frame:
    """A screen, and how many seconds it stands."""

    lines: tuple[tuple[pyte.screens.Char, ...], ...]
    seconds: float


def screens(command: list[str]) -> list[Frame]:
    """The screens that a command shows, from one panel to the next."""
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(screen)
    frames = [_typed(screen, stream, length) for length in range(2, len(PROMPT) + 1)]
    stream.feed(b"\r\n")
    main, terminal = pty.openpty()
    ioctl(terminal, TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    env = {**os.environ, "TERM": "xterm-256color"}
    env.pop("COLUMNS", None)
    process = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=env)
    os.close(terminal)
    shown = 0
    try:
        while some := os.read(main, 65_536):
            for line in some.splitlines(keepends=True):
                stream.feed(line)
                if "╰".encode() in line:  # a panel is whole
                    shown += 1
                    frames.append(Frame(_cells(screen), READING))
    except OSError:  # the command has ended
        pass
    if process.wait():
        raise SystemExit(f"{' '.join(command)} ended with status {process.returncode}")
    if not shown:
        raise SystemExit("The command showed no panel.")
    return [*frames, Frame(_cells(screen), LAST)]


def _typed(screen: pyte.Screen, stream: pyte.ByteStream, length: int) -> Frame:
    screen.reset()
    stream.feed(PROMPT[:length].encode())
    return Frame(_cells(screen), 1.0 if length == len(PROMPT) else TYPING)


def _cells(screen: pyte.Screen) -> tuple[tuple[pyte.screens.Char, ...], ...]:
    return tuple(tuple(screen.buffer[y][x] for x in range(COLUMNS)) for y in range(LINES))


def as_svg(frames: list[Frame]) -> str:
    """The frames as one SVG, each shown in its turn, again and again."""
    width, height = COLUMNS * WIDTH + 32, LINES * HEIGHT + 58
    whole = sum(frame.seconds for frame in frames)
    styles, groups, start = [], [], 0.0
    for number, frame in enumerate(frames):
        begin, end = 100 * start / whole, 100 * (start + frame.seconds) / whole
        start += frame.seconds
        before = "0%{opacity:0}" if begin else ""
        styles.append(
            f"@keyframes f{number}{{{before}{begin:.3f}%{{opacity:1}}{end:.3f}%,100%{{opacity:0}}}}"
            f"#f{number}{{animation:f{number} {whole:.2f}s infinite step-end}}"
        )
        groups.append(f'<g id="f{number}" opacity="0">{"".join(_lines(frame))}</g>')
    still = sum(frame.seconds < READING for frame in frames)  # the first panel
    styles.append(
        "@media (prefers-reduced-motion:reduce){g[id]{animation:none!important}"
        f"#f{still}{{opacity:1}}}}"
    )
    dots = "".join(
        f'<circle cx="{20 + 20 * at}" cy="20" r="6" fill="{colour}"/>'
        for at, colour in enumerate(("#ff5f57", "#febc2e", "#28c840"))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" role="img" '
        'aria-label="metaaligner demo: drafts of a model, and the same after MetaAligner, side by '
        f'side"><style>text{{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans '
        f'Mono",monospace;white-space:pre}}.b{{font-weight:700}}.s{{text-decoration:line-through}}'
        f".i{{font-style:italic}}{''.join(styles)}</style>"
        f'<rect width="100%" height="100%" rx="10" fill="#161b22"/>{dots}{"".join(groups)}</svg>\n'
    )


def _lines(frame: Frame):
    for y, cells in enumerate(frame.lines):
        text = "".join(cell.data for cell in cells).rstrip()
        if not text:
            continue
        x = 0
        spans = []
        for look, run in groupby(cells[: len(text)], key=_look):
            part = "".join(cell.data for cell in run)
            if part.strip():
                place = f'x="{16 + x * WIDTH:.1f}" textLength="{len(part) * WIDTH:.1f}"'
                spans.append(f"<tspan {place}{look}>{html.escape(part)}</tspan>")
            x += len(part)
        yield f'<text y="{52 + y * HEIGHT}">{"".join(spans)}</text>'


def _look(cell: pyte.screens.Char) -> str:
    colour = COLOURS.get(cell.fg.removeprefix("bright"), COLOURS["default"])
    letters = (("b", cell.bold), ("s", cell.strikethrough), ("i", cell.italics))
    classes = " ".join(letter for letter, has in letters if has)
    named = f' class="{classes}"' if classes else ""
    return f' fill="{colour}"{named}'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("demo.svg"))
    parser.add_argument("--model", help="another aligner than the default")
    options = parser.parse_args()
    command = [sys.executable, "-m", "langchain_metaaligner", "demo"]
    if options.model:
        command += ["--model", options.model]
    started = time.perf_counter()
    frames = screens(command)
    options.output.write_text(as_svg(frames), encoding="utf-8")
    print(f"{options.output}: {len(frames)} frames in {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
