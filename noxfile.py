"""
The checks of this repository as sessions of nox, each in an environment of its own.

C{nox --list} names them, and C{nox} without arguments runs C{lint}, C{types} and
C{unit}. Arguments after C{--} go to the program of the session: C{nox -s unit --
tests.web} runs the tests of one package. C{.ci/run} runs the sessions that the test
command of README.rst does not cover.
"""

import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2024.4.15"
nox.options.sessions = ["lint", "types", "unit"]
nox.options.reuse_venv = "yes"
nox.options.error_on_external_run = True

TESTS = Path(__file__).parent / "tests"

#: Test packages by the session that runs them; C{unit} has all the others.
SERVERS = ("tests.faults", "tests.servers", "tests.survival")
BROWSER = ("tests.browser",)
INTEGRATION = ("tests.bench", "tests.docs", "tests.integration")

#: Documents beside the manual. GitHub and PyPI render them with plain docutils.
TEXTS = ("README.rst", "CONTRIBUTING.rst", "NEWS.rst", "newsfragments/README.rst")


def testPackages() -> list[str]:
    """Return the packages of tests; C{tests.support} holds none."""
    names = (path.parent.name for path in TESTS.glob("*/__init__.py"))
    return sorted(f"tests.{name}" for name in names if name != "support")


def testModules() -> list[str]:
    """Return the test modules that belong to no package."""
    return sorted(f"tests.{path.stem}" for path in TESTS.glob("test_*.py"))


def trial(session: nox.Session, *names: str) -> None:
    """
    Run tests.

    @param names: Packages or modules of tests, for when the command line names none.
    """
    session.install(".[test]")
    session.run("python", "-m", "twisted.trial", *(session.posargs or names))


@nox.session
def unit(session: nox.Session) -> None:
    """Run the tests that work in memory."""
    others = {*SERVERS, *BROWSER, *INTEGRATION}
    trial(session, *(name for name in testPackages() if name not in others))


@nox.session
def integration(session: nox.Session) -> None:
    """Run the tests that need time, sockets or processes, and those of the docs."""
    trial(session, *INTEGRATION, *testModules())


@nox.session
def servers(session: nox.Session) -> None:
    """Run the tests on Prosody and ejabberd, on bad disks, and with kill -9."""
    trial(session, *SERVERS)


@nox.session
def browser(session: nox.Session) -> None:
    """Run the tests in Chromium."""
    trial(session, *BROWSER)


@nox.session
def lint(session: nox.Session) -> None:
    """Check the source with ruff."""
    session.install("-e", ".[lint]")
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check", *session.posargs)


@nox.session
def types(session: nox.Session) -> None:
    """Check the types with mypy."""
    session.install("-e", ".[dev]")
    session.run("mypy", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the manual into the directory C{manual}; any warning is an error."""
    session.install("-e", ".[docs,lint]")
    check = ("-m", "docutils", "--strict", "--syntax-highlight=none", "--writer=null")
    for text in TEXTS:
        session.run("python", *check, text)
    session.run("sphinx-build", "-W", "--keep-going", "-n", "-q", "docs", "manual")


@nox.session
def packages(session: nox.Session) -> None:
    """Build the wheel, install it, and remove it; Twisted must be whole afterwards."""
    session.install("build")
    work = Path(session.create_tmp()).resolve()
    shutil.rmtree(work)
    work.mkdir()
    session.run("python", "-m", "build", "--outdir", str(work / "dist"))
    (wheel,) = (work / "dist").glob("*.whl")
    session.run("python", "-m", "venv", str(work / "installed"))
    programs = work / "installed" / "bin"

    def run(program: str, *arguments: str) -> str:
        """Run a program that was installed with the wheel; return its output."""
        return str(
            session.run(str(programs / program), *arguments, silent=True, external=True)
        )

    run("pip", "install", "-q", str(wheel))
    library = work / "installed" / "lib"
    (plugins,) = library.glob("python*/site-packages/twisted/plugins/__init__.py")
    before = plugins.read_bytes()
    # Not from here, where the plugin is found without being installed.
    with session.chdir(work):
        if "xmpprest" not in run("twistd", "--help"):
            session.error("twistd does not list xmpprest, although it is installed")
        run("twistd", "xmpprest", "--version")
        run("pip", "check")
        run("pip", "uninstall", "-q", "-y", "xmpprest")
        if plugins.read_bytes() != before:
            session.error("removing the wheel changed the package twisted.plugins")
        if "xmpprest" in run("twistd", "--help"):
            session.error("twistd still lists xmpprest, although it was removed")
