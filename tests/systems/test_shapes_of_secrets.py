"""Secrets that nobody registered, told by their shape."""

from __future__ import annotations

import pytest

from systems.redact import MASK, Redactor
from systems.state.masking import is_secret

SECRET = "A1b2C3d4E5f6G7h8I9j0"


@pytest.mark.parametrize(
    "text",
    [
        f"token is ghp_{SECRET}", f"github_pat_{SECRET}", f"glpat-{SECRET}", f"xoxb-{SECRET}", f"AKIA{SECRET}",
        f"key sk_live_{SECRET}", f"eyJhbGciOiJIUzI1NiJ9.eyJ4{SECRET}.sig",
        f"https://hooks.slack.example/services/T0/B0/{SECRET}", f"curl -u admin:{SECRET} http://x",
        f"curl --user admin:{SECRET} http://x",
    ],
)  # fmt: skip
def test_is_masked(text: str) -> None:
    shown = Redactor().text(text)
    assert SECRET not in shown and MASK in shown


@pytest.mark.parametrize(
    "text", ["run -u root", "sort -u a", "python -u manage.py", "risk-free", "task_list"]
)
def test_plain_words_stay(text: str) -> None:
    assert Redactor().text(text) == text


@pytest.mark.parametrize(
    "name",
    [
        "kennwort", "db.passwort", "clave", "CLAVE_DB", "contraseña", "contrasena_admin", "mdp", "heslo", "senha",
        "hasło", "parola", "пароль", "wachtwoord", "lösenord", "DB_PWD", "userPwd", "dbpass", "密码",
        "apiKey", "motDePasse",
    ],
)  # fmt: skip
def test_a_secret_is_told_by_its_name_in_whatever_language(name: str) -> None:
    assert is_secret(name, "sommerregen")
    assert "sommerregen" not in repr(Redactor().json({name: "sommerregen"}))
    if name not in ("dbpass", "userPwd", "CLAVE_DB"):  # in a text these could be parts of any word
        assert "sommerregen" not in Redactor().text(f"started with {name}=sommerregen, port 80")


@pytest.mark.parametrize("name", ["PLAIN_PIN", "card.cvv", "otp", "pincode", "puk"])
def test_digits_are_a_secret_where_the_name_ends_in_its_word(name: str) -> None:
    assert is_secret(name, "4711") and Redactor().json({name: "4711"}) == {name: MASK}
    assert "4711" not in Redactor().text(f"{name}: 4711")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("password_encryption", "scram-sha-256"), ("otp_length", "6"), ("pin_retries", "300"), ("max_tokens", "4096"),
        ("token_ttl", "3600"), ("password.policy", "strict"), ("spinning", "fast"), ("mapping", "none"),
        ("enclave.region", "north"), ("bypass", "cache"), ("proxy_pass", "backend"), ("PWD", "/srv/app"),
        ("has_logged", "often"), ("chosen_handle", "left"), ("log.level", "DEBUG"), ("pinned", "version"),
        ("password_required", "true"), ("shopping", "cart"), ("opinion", "4711"),
    ],
)  # fmt: skip
def test_an_ordinary_setting_stays_readable(name: str, value: str) -> None:
    assert not is_secret(name, value)
    assert Redactor().json({name: value}) == {name: value}


@pytest.mark.parametrize(
    "text",
    [
        "PWD=/srv/app",
        "spinning: slowly",
        "the opinion: 4711",
        "mapping=global",
        "pin: ok",
        "enclave: northern",
    ],
)
def test_a_text_with_parts_of_such_words_stays(text: str) -> None:
    assert Redactor().text(text) == text
