"""Packaging of xmpprest: metadata, packages, extras and the twistd plugin."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(
    r'__version__ = "([^"]+)"', (HERE / "xmpprest/_version.py").read_text("utf-8")
)
assert VERSION is not None

setup(
    name="xmpprest",
    version=VERSION[1],
    description="An HTTP gateway to XMPP, beside any server",
    long_description=(HERE / "README.rst").read_text("utf-8"),
    long_description_content_type="text/x-rst",
    license="MIT",
    license_files=["LICENSE"],
    python_requires=">=3.11",
    # The plugin goes into Twisted's own directory of plugins, where twistd looks.
    packages=[*find_packages(include=["xmpprest", "xmpprest.*"]), "twisted.plugins"],
    package_data={
        "xmpprest": ["py.typed", "console/*"],
        "xmpprest.core.hooks": ["templates/*.j2"],
        "xmpprest.core.openapi": ["*.yaml"],
    },
    include_package_data=False,
    # Each with its reason in docs/explanation/dependencies.rst.
    install_requires=[
        "Twisted[tls]>=26.10",
        "PyYAML>=6.0.1",
        "offapi>=0.1.4,<0.2",
        "prometheus-client>=0.20",
        "wokkel>=18",
        "pyOpenSSL>=24.1",
        "service-identity>=24.1",
    ],
    extras_require={
        "bench": ["aiohttp>=3.9", "slixmpp>=1.10"],
        "cbor": ["cbor2>=5.7.1,!=6.0.0"],
        "dev": ["xmpprest[docs,lint,test]", "nox>=2024.4.15", "pre-commit>=4"],
        "docs": [
            "docutils>=0.20",
            "furo>=2024.8.6",
            "sphinx>=7.3",
            "towncrier>=23.11",
        ],
        "files": ["python-multipart>=0.0.20"],
        "hooks": ["Jinja2>=3.1.5"],
        "lint": ["mypy>=1.11", "mypy-zope>=1.0.8", "pygments>=2.15", "ruff>=0.6"],
        "postgresql": ["psycopg[binary]>=3.2"],
        "test": [
            "apprise>=1.9",
            "cbor2>=5.7.1,!=6.0.0",
            "cryptography>=42",
            "docutils>=0.20",
            "flask>=3",
            "furo>=2024.8.6",
            "hypothesis>=6.100",
            "Jinja2>=3.1.5",
            "jsonschema-rs>=0.30",
            "openapi-spec-validator>=0.7",
            "psycopg[binary]>=3.2",
            "python-multipart>=0.0.20",
            "requests>=2.31",
            "setuptools>=70.1",
            "schemathesis>=4.30",
            "selenium>=4.30",
            "slixmpp>=1.10",
            "standardwebhooks>=1.1",
        ],
    },
    entry_points={"console_scripts": ["xmpprest = xmpprest.__main__:main"]},
    zip_safe=False,
    classifiers=[
        "Development Status :: 4 - Beta",
        "Framework :: Twisted",
        "Operating System :: POSIX",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Communications :: Chat",
        "Topic :: Internet :: XMPP",
        "Typing :: Typed",
    ],
)
