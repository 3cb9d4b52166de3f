"""
The walls of the house (design.md): who may import whom, read from the source.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import xmpprest

_ROOT = Path(xmpprest.__file__).parent

#: The rooms that know nothing of each other.
ROOMS = frozenset(
    "xmpp web outbox inbox webhook store metrics live bots rooms files cluster".split()  # noqa: SIM905  # a list to read
)

#: What every room may use.
COMMON = frozenset({"core", "concurrency", "ids", "_version"})

#: The modules beside the rooms that may join them.
JOINERS = frozenset({"gateway", "tap", "demo", "commands"})

#: What the core may use beside the standard library and itself.
PURE = (
    "twisted.words.xish.domish",
    "twisted.words.protocols.jabber.xmpp_stringprep",
    "cbor2",
    "jinja2",
    "yaml",
)

#: The one module of the core that may read files, by the one import it needs for that:
#: it reads the data files beside it, which are part of the package like its source.
READS_DATA = frozenset(
    {
        ("core.openapi.data", "importlib"),
        ("core.openapi.data", "importlib.resources"),
    }
)

#: What of the standard library acts, waits, or depends on where and when it runs.
IMPURE = frozenset(
    """
    asyncio concurrent ctypes fcntl ftplib getpass glob http.client http.server imaplib
    importlib io locale logging mmap multiprocessing os pathlib pkgutil platform poplib
    pty pwd queue random resource sched secrets select selectors shelve shutil signal
    smtplib socket socketserver sqlite3 ssl subprocess syslog tempfile threading time
    tty urllib.request webbrowser
    """.split()  # noqa: SIM905  # a list to read, not to parse
)


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Every module of the package: its name within it, and its source."""
    for path in sorted(_ROOT.rglob("*.py")):
        parts = path.relative_to(_ROOT).with_suffix("").parts
        yield ".".join(parts), ast.parse(path.read_bytes(), str(path))


def imported(name: str, tree: ast.AST) -> Iterator[str]:
    """
    Return the names that a module imports, in full.

    @param name: The module, within the package: C{"core.jid"}.
    @return: For C{from a import b} both C{"a"} and C{"a.b"}, since C{b} may be a
        module;
        relative imports from the package on.
    """
    package = ["xmpprest", *name.split(".")]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: -node.level] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def room(name: str) -> str:
    """The first part of the name of a module within the package."""
    return name.partition(".")[0]


def neighbours(name: str, tree: ast.AST) -> set[str]:
    """The rooms and modules of the package that a module imports, but its own."""
    ours = (each.split(".") for each in imported(name, tree))
    found = {parts[1] for parts in ours if parts[0] == "xmpprest" and len(parts) > 1}
    return found - {room(name)}


def atModuleLevel(tree: ast.Module) -> ast.Module:
    """The module without the bodies of its functions, which run later."""

    class WithoutFunctions(ast.NodeTransformer):
        def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
            pass

        def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
            pass

    result = WithoutFunctions().visit(tree)
    assert isinstance(result, ast.Module)
    return result


class WallTests(SynchronousTestCase):
    """
    The imports of the package
    """

    def test_core(self) -> None:
        """
        The core imports only itself, what decides nothing by the outer world, and
        the two pure modules of Twisted.
        """
        for name, tree in modules():
            if room(name) != "core":
                continue
            for each in imported(name, tree):
                top = each.partition(".")[0]
                if top == "xmpprest":
                    self.assertTrue(
                        each == "xmpprest.core" or each.startswith("xmpprest.core."),
                        f"{name} imports {each}",
                    )
                elif (name, each) in READS_DATA:
                    continue
                elif top in sys.stdlib_module_names:
                    self.assertFalse({top, each} & IMPURE, f"{name} imports {each}")
                else:
                    self.assertTrue(each.startswith(PURE), f"{name} imports {each}")

    def test_rooms(self) -> None:
        """
        A room imports itself and what is common, and no other room.
        """
        for name, tree in modules():
            if room(name) in ROOMS:
                self.assertEqual(neighbours(name, tree) - COMMON, set(), name)

    def test_joiners(self) -> None:
        """
        Only the composition root, the command line, the demo and the doctor know
        several rooms; the other modules beside the rooms know none.
        """
        for name, tree in modules():
            if room(name) not in ROOMS | COMMON | JOINERS:
                self.assertEqual(neighbours(name, tree) & ROOMS, set(), name)

    def test_cycles(self) -> None:
        """
        No module imports itself through others, not even for the types alone.
        """
        sources = {name.removesuffix(".__init__"): tree for name, tree in modules()}
        graph = {}
        for name, tree in modules():
            found = {each.removeprefix("xmpprest.") for each in imported(name, tree)}
            # C{from . import a} imports the module C{a}, its package only on the way.
            packages = {each.rpartition(".")[0] for each in found & sources.keys()}
            graph[name.removesuffix(".__init__")] = found & sources.keys() - packages
        TopologicalSorter(graph).prepare()

    def test_reactor(self) -> None:
        """
        No module but the command line fetches the reactor when it is imported.
        """
        for name, tree in modules():
            if name != "tap":
                self.assertNotIn(
                    "twisted.internet.reactor",
                    set(imported(name, atModuleLevel(tree))),
                    name,
                )


class ReadingTests(SynchronousTestCase):
    """
    The reading of imports, or the walls would hold nothing.
    """

    def test_imported(self) -> None:
        """
        Absolute and relative imports are found, within functions too.
        """
        tree = ast.parse(
            "import a.b as c\n"
            "from d import e\n"
            "from . import jid\n"
            "from ..web.site import x\n"
            "def f():\n"
            "    from .. import gateway\n"
        )
        self.assertEqual(
            set(imported("core.media", tree)),
            {
                "a.b",
                "d",
                "d.e",
                "xmpprest.core",
                "xmpprest.core.jid",
                "xmpprest.web.site",
                "xmpprest.web.site.x",
                "xmpprest",
                "xmpprest.gateway",
            },
        )
        self.assertEqual(neighbours("core.media", tree), {"web", "gateway"})

    def test_atModuleLevel(self) -> None:
        """
        Imports within a function do not count as the module's; those within a class do.
        """
        tree = ast.parse(
            "class C:\n"
            "    import a\n"
            "    def f(self):\n"
            "        import b\n"
            "async def g():\n"
            "    import c\n"
        )
        self.assertEqual(set(imported("x", atModuleLevel(tree))), {"a"})

    def test_modules(self) -> None:
        """
        Every room has modules.
        """
        found = {room(name) for name, _ in modules()}
        self.assertTrue(ROOMS | {"core"} <= found, found)
