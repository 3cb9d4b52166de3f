"""Tests of what is built from setup.py: that it installs, and leaves Twisted whole."""

from __future__ import annotations

import re
import shutil
import sys
import venv
import zipfile
from pathlib import Path

from twisted import plugins
from twisted.trial.unittest import SynchronousTestCase

from .support.programs import ROOT, Place

#: The command C{twistd}, of whatever Python.
_TWISTD = ["-c", "from twisted.scripts.twistd import run; run()"]


class WheelTests(SynchronousTestCase):
    """
    Tests of the wheel, without a network.
    """

    def setUp(self) -> None:
        self.place = Place(self)

    def run_(self, *command: str | Path) -> str:
        """Run a program to its good end; returns what it prints."""
        program = self.place.start(
            list(map(str, command)),
            # Nothing of the checkout, and nobody's configuration of pip.
            PYTHONPATH="",
            PIP_CONFIG_FILE="/dev/null",
            PIP_DISABLE_PIP_VERSION_CHECK="1",
        )
        self.assertEqual(program.end(), 0, program.output)
        return program.output

    def build(self) -> Path:
        """Build the wheel, out of a copy."""
        source = self.place.path / "source"
        source.mkdir()
        for name in ("setup.py", "pyproject.toml", "README.rst", "LICENSE"):
            shutil.copy(ROOT / name, source)
        for name in ("xmpprest", "twisted"):
            shutil.copytree(
                ROOT / name,
                source / name,
                ignore=shutil.ignore_patterns("__pycache__", "dropin.cache"),
            )
        options = ("--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir")
        pip = (sys.executable, "-m", "pip")
        self.run_(*pip, "wheel", *options, self.place.path, source)
        (wheel,) = self.place.path.glob("xmpprest-*-py3-none-any.whl")
        return wheel

    def python(self) -> tuple[Path, Path]:
        """
        A fresh environment that has Twisted, and finds what that needs in ours.

        @return: Its interpreter, and where its packages are.
        """
        directory = self.place.path / "venv"
        venv.create(directory, with_pip=False)
        (packages,) = directory.glob("lib/python*/site-packages")
        theirs = Path(plugins.__file__).parent.parent
        shutil.copytree(
            theirs,
            packages / "twisted",
            # Not what is installed beside it here, which may be this very plugin.
            ignore=shutil.ignore_patterns(
                "__pycache__", "dropin.cache", "test", "xmpprest_plugin.py"
            ),
        )
        for path in theirs.parent.iterdir():
            if not path.name.lower().startswith(("pip", "twisted", "xmpprest", "__")):
                (packages / path.name).symlink_to(path)
        return directory / "bin" / "python", packages

    def test_wheel(self) -> None:
        """
        The wheel has the package, its types, its data, the console and the plugin, and
        nothing else: above all no file of Twisted's.
        """
        with zipfile.ZipFile(self.build()) as wheel:
            names = {n for n in wheel.namelist() if ".dist-info/" not in n}
        package = ROOT / "xmpprest"
        data = [*package.rglob("*.yaml"), *package.rglob("*.j2")]
        paths = [*package.rglob("*.py"), *data, *(package / "console").iterdir()]
        expected = {str(path.relative_to(ROOT)) for path in paths if path.is_file()}
        plugin = "twisted/plugins/xmpprest_plugin.py"
        self.assertEqual(names, {*expected, "xmpprest/py.typed", plugin})

    def test_installAndUninstall(self) -> None:
        """
        Once installed, C{twistd} knows of it; once uninstalled, Twisted is what it
        was.
        """
        wheel = self.build()
        python, packages = self.python()
        initial = packages / "twisted" / "plugins" / "__init__.py"
        before = initial.read_bytes()
        pip = (sys.executable, "-m", "pip", "--python", python)
        self.assertNotIn("xmpprest", self.run_(python, *_TWISTD, "--help"))
        self.run_(*pip, "install", "--no-deps", "--no-index", wheel)
        self.assertIn("xmpprest", self.run_(python, *_TWISTD, "--help"))
        self.run_(*pip, "uninstall", "-y", "xmpprest")
        self.assertEqual(initial.read_bytes(), before)
        self.assertNotIn("xmpprest", self.run_(python, *_TWISTD, "--help"))
        self.assertFalse((packages / "xmpprest").exists())


class DependenciesTests(SynchronousTestCase):
    """
    Tests of C{docs/explanation/dependencies.rst}.
    """

    def test_all(self) -> None:
        """
        Each dependency has its reason there.
        """
        source = (ROOT / "setup.py").read_text()
        text = (ROOT / "docs/explanation/dependencies.rst").read_text()
        needed = set(re.findall(r'"([\w-]+)(?:\[\w+\])?>=', source))
        self.assertGreater(len(needed), 10)
        for name in needed:
            self.assertIn(f"\n{name}\n", text)
