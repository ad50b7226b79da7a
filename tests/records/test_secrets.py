import pytest

from descent.records.secrets import redacted, with_placeholder

SECRET = "s3cr%20t!"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"postgresql+psycopg2://user:{SECRET}@host:5432/db", "postgresql+psycopg2://user@host:5432/db"),
        (f"tracking.uri='http://user:{SECRET}@host' lr=0.1", "tracking.uri='http://user@host' lr=0.1"),
        (f'{{"uri": "mysql://u:a/{SECRET}@b@host/db", "a": "x@y"}}', '{"uri": "mysql://u@host/db", "a": "x@y"}'),
        (f"http://:{SECRET}@host", "http://@host"),
        (
            f"postgresql://host/db?user=u&password={SECRET}&sslmode=on",
            "postgresql://host/db?user=u&password=&sslmode=on",
        ),
        (rf"tracking.uri=http\://ann\:{SECRET}@host lr=0.1", r"tracking.uri=http\://ann@host lr=0.1"),
        (f"https://a:{SECRET}@x and https://b:{SECRET}@y", "https://a@x and https://b@y"),
        ("sqlite:////home/user/mlflow.db", "sqlite:////home/user/mlflow.db"),
        ("http://127.0.0.1:5000/a?b=c", "http://127.0.0.1:5000/a?b=c"),
        ("a: b@c, see http://host:80/path", "a: b@c, see http://host:80/path"),
    ],
)
def test_addresses_have_no_passwords(text: str, expected: str) -> None:
    assert redacted(text) == expected
    assert redacted(expected) == expected


@pytest.mark.parametrize("uri", [f"postgresql://user:{SECRET}@host/db", "postgresql://user@host/db"])
def test_an_address_of_a_user_has_a_place_for_the_password(uri: str) -> None:
    assert with_placeholder(uri) == "postgresql://user:PASSWORD@host/db"
    assert with_placeholder("http://host/a@b") == "http://host/a@b"
