"""Pages of the documentation as programs: the files that they have a reader write, and the commands that he types."""

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
# A bound for what normally takes a fraction of it, not an expectation.
PATIENCE_SECONDS = 300
_BLOCK = re.compile(r"(?P<before>[^\n]*)\n\n```(?P<language>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
_NAMED_FILE = re.compile(r"`(?P<path>[^`]+)`:$")
_END_OF_OUTPUT = "\x1e"


class Block(NamedTuple):
    """A block of code, and the file that the line before it says it is; "" for none."""

    language: str
    text: str
    path: str


class Page:
    """A page of the documentation."""

    def __init__(self, name):
        self.text = text = (ROOT / name).read_text("utf-8")
        self.blocks = [
            Block(found["language"], found["text"], named["path"] if named else "")
            for found in _BLOCK.finditer(text)
            for named in [_NAMED_FILE.search(found["before"])]
        ]

    def file(self, path):
        """Return the text of a file that the page has its reader write."""
        [text] = self.texts(path)
        return text

    def texts(self, path):
        """Return each text of a file that the page has its reader write, one after the other."""
        return [block.text for block in self.blocks if block.path == path]

    def files_below(self, folder):
        """Return the texts of all files below a folder, by their paths."""
        return {block.path: block.text for block in self.blocks if block.path.startswith(f"{folder}/")}

    def command(self, beginning):
        """Return the line of a shell that begins so."""
        lines = [line for block in self.blocks if block.language == "sh" for line in block.text.splitlines()]
        [line] = [line for line in lines if line.startswith(beginning)]
        return line

    def transcript(self):
        """Return each command of the page's console blocks with the output that should follow it, all blocks as one."""
        pairs = []
        for line in "".join(block.text for block in self.blocks if block.language == "console").splitlines():
            if line.startswith("$ "):
                pairs.append((line.removeprefix("$ "), []))
            else:
                pairs[-1][1].append(line)
        return pairs


def prints_what_it_says(transcript, folder, replacements):
    """Run a transcript's commands in one shell and hold each output to the page, in which … stands for anything.

    What the page says is replaced by what holds here, such as addresses. Returns the outputs.
    """
    script = "".join(f"{command}\nprintf '\\036'\n" for command, _ in transcript)
    for written, here in replacements.items():
        script = script.replace(written, here)
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS
    )
    assert done.stderr == ""
    outputs = done.stdout.split(_END_OF_OUTPUT)[:-1]
    assert len(outputs) == len(transcript)
    for (command, expected), printed in zip(transcript, outputs, strict=True):
        assert re.fullmatch("\n".join(map(_as_pattern, expected)), printed.strip()), f"$ {command}\n{printed}"
    return outputs


def _as_pattern(line):
    """Return a pattern for an expected line, in which … stands for anything but a quote."""
    return '[^"]+'.join(re.escape(part) for part in line.split("…"))
