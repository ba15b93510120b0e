import pytest

from langchain_metaaligner.errors import SettingError
from langchain_metaaligner.serve.settings import ServeSettings, read_keys, require_key


def test_another_process_has_the_same_settings():
    settings = ServeSettings(
        model="some/folder",
        objectives=("fair", "Concise: the response should fit in one sentence"),
        request_objectives=("fair",),
        model_kwargs={"device": "cpu", "max_new_tokens": 9},
        api_keys=("k-12345", "k-67890"),
        max_batch=3,
    )
    environment = settings.to_environment()
    assert ServeSettings.from_environment(environment) == settings
    assert "k-12345" not in environment["METAALIGNER_SERVE"]
    assert "k-12345" not in repr(settings)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"modle": "mini"}, "Did you mean 'model'?"),
        ({"max_batch": 10, "max_waiting": 5}, "could never be taken"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
        ({"api_keys": ("with space",)}, "letters and digits"),
        ({"api_keys": ("",)}, "letters and digits"),
        ({"api_keys": ("schlüssel",)}, "letters and digits"),
        ({"request_objectives": "some"}, "request_objectives"),
    ],
)
def test_a_setting_that_cannot_work_is_one_sentence(options, says):
    with pytest.raises(SettingError, match=r"(?s)" + says.replace("?", r"\?")):
        ServeSettings(**options)


def test_keys_come_from_a_file_or_the_environment(tmp_path):
    path = tmp_path / "keys"
    path.write_text("one\ntwo\n")
    assert [key.get_secret_value() for key in read_keys(path, {})] == ["one", "two"]
    [key] = read_keys(None, {"METAALIGNER_API_KEY": "three"})
    assert key.get_secret_value() == "three"
    assert read_keys(None, {}) == ()


@pytest.mark.parametrize("text", ["", "\n"])
def test_a_file_without_keys_is_a_mistake(tmp_path, text):
    path = tmp_path / "keys"
    path.write_text(text)
    with pytest.raises(SettingError, match="holds none"):
        read_keys(path, {})
    with pytest.raises(SettingError, match="cannot be read"):
        read_keys(tmp_path / "none", {})


def test_other_machines_need_a_key():
    without, with_key = ServeSettings(), ServeSettings(api_keys=("key",))
    for host in ("127.0.0.1", "localhost", "::1", "127.8.8.8"):
        require_key(host, without, False)
    for host in ("0.0.0.0", "::", "10.0.0.1", "example.org"):
        with pytest.raises(SettingError, match="METAALIGNER_API_KEY"):
            require_key(host, without, False)
        require_key(host, with_key, False)
        require_key(host, without, True)
