#!/usr/bin/env python3
"""Renders the picture of the front page, run.svg, from what a rehearsal really prints on a terminal.

Usage: python3 docs/run.py

Needs the standard library alone, and a Unix (for the pseudo-terminal).
"""

import fcntl
import os
import pathlib
import pty
import re
import struct
import subprocess
import sys
import termios
from xml.sax.saxutils import escape

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Its absolute path is printed, and must not be that of a clone.
JOURNAL = pathlib.Path("/tmp/volc-run.jsonl")
COMMAND = [
    ["volc-images", "delete", "--emulator=docs/lost-reply.json", "--snapshots", "keep", "--yes"],
    ["--journal", str(JOURNAL), "image-web-1", "image-web-2", "image-shared"],
    ["image-exporting"],
]
COLUMNS, ROWS = 80, 60

# A cell of DejaVu Sans Mono; `textLength` makes other fonts fit.
SIZE, CELL, LINE, MARGIN = 14, 8.43, 19, 16
BACKGROUND, FOREGROUND, PROMPT = "#0d1117", "#d1d7e0", "#8b949e"
COLOURS = {31: "#ff7b72", 32: "#56d364", 33: "#e3b341", 34: "#79c0ff", 35: "#d2a8ff", 36: "#76e3ea"}
PLAIN = (FOREGROUND, False)


def main():
    subprocess.run(["cargo", "build", "-q", "-p", "volc-images"], cwd=ROOT, check=True)
    JOURNAL.unlink(missing_ok=True)
    arguments = [argument for line in COMMAND for argument in line][1:]
    status, output = on_a_terminal(["cargo", "run", "-q", "-p", "volc-images", "--", *arguments])
    JOURNAL.unlink(missing_ok=True)
    screen = Screen()
    prompt = "$ " + " \\\r\n    ".join(" ".join(line) for line in COMMAND)
    screen.write(f"\x1b[90m{prompt}\x1b[0m\r\n{output}\x1b[90m$ echo $?\x1b[0m\r\n{status}\r\n")
    picture = ROOT / "docs/run.svg"
    picture.write_text(svg(screen.lines()), encoding="utf-8")
    print(f"{picture}: {len(screen.lines())} lines, exit code {status}")


def on_a_terminal(command):
    """The exit code and all that is written, with its escape sequences."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(ROOT)
        # The size is the parent's to set; nothing is written before a line says that it is.
        sys.stdin.readline()
        environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "CLICOLOR")}
        os.execvpe(command[0], command, {**environment, "TERM": "xterm-256color"})
    echo = termios.tcgetattr(terminal)
    echo[3] &= ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSANOW, echo)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    os.write(terminal, b"\n")
    output = b""
    while True:
        try:
            read = os.read(terminal, 65536)
        except OSError:  # Linux says so when the other end is closed
            read = b""
        if not read:
            break
        output += read
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), output.decode()


class Screen:
    """As much of a terminal as the program uses: colours, line ends, erasing, and going up."""

    def __init__(self):
        self.cells = [[]]
        self.row = self.column = 0
        self.style = PLAIN

    def write(self, text):
        for sequence, final, character in re.findall(r"\x1b\[([0-9;?]*)([A-Za-z])|([^\x1b])", text):
            if character:
                self.put(character)
            else:
                self.control(sequence, final)

    def put(self, character):
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self.down()
        else:
            if self.column == COLUMNS:
                self.column = 0
                self.down()
            line = self.cells[self.row]
            line.extend([(" ", PLAIN)] * (self.column + 1 - len(line)))
            line[self.column] = (character, self.style)
            self.column += 1

    def down(self):
        self.row += 1
        if self.row == len(self.cells):
            self.cells.append([])

    def control(self, sequence, final):
        match final:
            case "m":
                for code in map(int, (sequence or "0").split(";")):
                    colour, bold = self.style
                    match code:
                        case 0:
                            self.style = PLAIN
                        case 1:
                            self.style = (colour, True)
                        case 90:
                            self.style = (PROMPT, bold)
                        case _:
                            self.style = (COLOURS[code], bold)
            case "K":
                self.cells[self.row] = [] if sequence == "2" else self.cells[self.row][: self.column]
            case "A":
                self.row = max(0, self.row - int(sequence or 1))
            case "h" | "l":  # shows and hides the cursor
                pass
            case _:
                raise ValueError(f"expected no sequence like ESC[{sequence}{final}")

    def lines(self):
        """Each line as (column, text, style), without blanks at its end."""
        return [list(runs(cells)) for cells in self.cells[: self.last() + 1]]

    def last(self):
        return max(row for row, cells in enumerate(self.cells) if any(character != " " for character, _ in cells))


def runs(cells):
    text = "".join(character for character, _ in cells)
    for match in re.finditer(r"\S+( \S+)*", text):  # two blanks part columns, which then stay in line in any font
        start = match.start()
        while start < match.end():
            style = cells[start][1]
            end = start
            while end < match.end() and cells[end][1] == style:
                end += 1
            yield start, text[start:end], style
            start = end


def svg(lines):
    width, height = round(COLUMNS * CELL + 2 * MARGIN), len(lines) * LINE + 2 * MARGIN
    texts = []
    for row, line in enumerate(lines):
        y = MARGIN + row * LINE + SIZE
        for column, text, (colour, bold) in line:
            x, length = round(MARGIN + column * CELL, 2), round(len(text) * CELL, 2)
            look = f' fill="{colour}"' * (colour != FOREGROUND) + ' font-weight="bold"' * bold
            texts.append(f'<text x="{x}" y="{y}" textLength="{length}"{look}>{escape(text)}</text>')
    fonts = "'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', monospace"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">',
            "<title>A rehearsal of volc-images, in which the first reply is lost</title>",
            f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>',
            f'<g font-family="{fonts}" font-size="{SIZE}" fill="{FOREGROUND}" xml:space="preserve">',
            *texts,
            "</g>",
            "</svg>",
            "",
        ]
    )


if __name__ == "__main__":
    main()
