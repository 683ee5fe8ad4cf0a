"""`fhir-kit-client`, the most used JavaScript client, works with the server unchanged: Node runs
`tests/kit/fhir-kit/story.js` against a real server."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.kit.server import serving

_FOLDER = Path(__file__).parents[1] / "kit" / "fhir-kit"
_OLDEST = 20  # of Node, says the client
_CHAPTERS = [
    "capability statement",
    "one resource",
    "searches and pages",
    "conditional writes",
    "batch and transaction",
    "operation and histories",
]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The story beside the installed client, outside of the checkout."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        pytest.skip("Node and npm are not here, which the JavaScript client needs")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.strip("v\n").split(".")[0]) < _OLDEST:
        pytest.skip(f"Node is {version.strip()}; the JavaScript client needs {_OLDEST}")
    folder = tmp_path_factory.mktemp("fhir-kit")
    for file in _FOLDER.iterdir():
        if file.is_file():
            shutil.copy(file, folder)
    flags = ("--no-audit", "--no-fund", "--ignore-scripts")
    done = subprocess.run(
        [npm, "ci", *flags], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder / "story.js"


def test_an_application_lives_with_the_server(story: Path) -> None:
    node = shutil.which("node")
    assert node
    with serving() as root:
        told = subprocess.run(
            [node, story, f"{root}/fhir"], capture_output=True, text=True, check=False
        )
    assert told.returncode == 0, f"{told.stdout}\n{told.stderr}"
    assert told.stdout.splitlines() == _CHAPTERS
