"""Addresses of database servers: what they mean, and that no secret is ever shown."""

from __future__ import annotations

import contextlib
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import make_url

from tui_runs.display import HOSTILE
from tui_runs.errors import LocationError
from tui_runs_mlflow.database.server_url import parse_url, redacted

plain = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=8)
secrets = plain.map(lambda text: f"s3cr{text}t")
"""Texts whose beginning is easily found again."""


@given(plain, secrets, plain, st.none() | st.integers(1, 65535), st.sampled_from(["postgresql", "mysql+pymysql"]))
def test_means_what_it_means_to_sqlalchemy(user: str, password: str, database: str, port: int | None, way: str) -> None:
    """Which reads MLflow's tracking URIs."""
    place = "db.example" if port is None else f"db.example:{port}"
    names = [quote(text, safe="") for text in (user, password, database)]
    url = f"{way}://{names[0]}:{names[1]}@{place}/{names[2]}?sslmode=require"
    ours, theirs = parse_url(url), make_url(url)
    assert (ours.host, ours.port, ours.user) == (theirs.host, theirs.port, theirs.username or "")
    assert ours.password == theirs.password == password
    assert ours.parameters == theirs.query
    assert ours.database == database  # SQLAlchemy leaves it quoted
    again = parse_url(ours.uri)
    assert (again.host, again.port, again.user, again.database) == (ours.host, ours.port, ours.user, ours.database)
    assert again.password is None


WAYS = {
    "quoted": lambda secret: f"postgresql://u:{quote(secret, safe='')}@host/db",
    "as it is": lambda secret: f"postgresql://u:{secret}@host/db",
    "without a host": lambda secret: f"mysql://u:{secret}@/db",
    "as a parameter": lambda secret: f"postgresql://u@host/db?sslmode=require&password={quote(secret, safe='')}",
    "of a key": lambda secret: f"postgresql://u@host/db?sslpassword={quote(secret, safe='')}&sslkey=/key",
    "of a slip of the pen": lambda secret: f"postgresql://u@host/db?pasword={quote(secret, safe='')}",
    "of a scheme that nobody knows": lambda secret: f"oracle://u:{secret}@host/db",
    "with a bad port": lambda secret: f"postgresql://u:{secret}@host:port/db",
}


@pytest.mark.parametrize("way", WAYS)
@given(secret=secrets)
def test_no_secret_is_shown(way: str, secret: str) -> None:
    url = WAYS[way](secret)
    shown = [redacted(url)]
    try:
        parsed = parse_url(url)
        shown += [parsed.uri, repr(parsed)]
    except LocationError as error:
        shown += [error.message, error.remedy, repr(error)]
    for text in shown:
        assert "s3cr" not in text
        assert not HOSTILE.search(text)


@given(st.text(max_size=40) | st.text(":/@?#[]%&=+ab", max_size=20).map("postgresql://".__add__))
def test_anything_can_be_shown(url: str) -> None:
    assert not HOSTILE.search(redacted(url))
    with contextlib.suppress(LocationError):
        parse_url(url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://host/db", "postgresql://host/db"),
        ("postgresql+psycopg2://u:p@host:5433/db?sslmode=require", "postgresql://u@host:5433/db?sslmode=require"),
        ("postgresql://u:p@[::1]:5433/db", "postgresql://u@[::1]:5433/db"),
        ("postgresql://u:p@/db?host=/run/postgresql", "postgresql://u@/db?host=/run/postgresql"),
        ("mysql+mysqldb://u:a/b?c@host/db", "mysql://u@host/db"),
        ("postgresql://u:p@ss/w@host/db", "postgresql://u@host/db"),
    ],
)
def test_all_the_rest_is_shown(url: str, shown: str) -> None:
    assert redacted(url) == shown


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "PostgreSQL+psycopg", "mysql+mysqldb", "mariadb"])
def test_kinds_of_servers(scheme: str) -> None:
    assert parse_url(f"{scheme}://host/db").dialect == ("postgresql" if scheme.lower()[0] == "p" else "mysql")


@pytest.mark.parametrize("url", ["mssql+pyodbc://host/db", "./mlruns", "", "://", "postgresql:///db#x:y@z@"])
def test_no_server_that_can_be_read(url: str) -> None:
    with pytest.raises(LocationError) as caught:
        parse_url(url)
    assert caught.value.remedy
